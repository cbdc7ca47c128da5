"""Read PNG, JPEG and DICOM files into scans. Limits are checked before any pixel is decoded."""
