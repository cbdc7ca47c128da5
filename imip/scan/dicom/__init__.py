"""DICOM files: which elements are read, how their pixels are decoded and displayed, and what may leave."""
