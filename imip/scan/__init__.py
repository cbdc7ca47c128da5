"""From the bytes of a file to a scan: PNG, JPEG and DICOM, within limits checked before a pixel is decoded."""
