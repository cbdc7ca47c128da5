"""The network that finds lesions: it answers with a map of evidence, and a scan's probability comes from it alone.

`brain-tumor`, `brain-lesion` and `brain-tumor-type` are made of it.
"""
