"""Sample scans that show no patient, and the script that paints them."""
