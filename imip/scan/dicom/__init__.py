"""DICOM files: parse elements, decode pixels, convert them for display, and select the attributes that are kept."""
