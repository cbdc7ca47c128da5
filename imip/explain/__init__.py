"""Why a prediction came out as it did, as pictures: heatmaps, overlays and decision paths."""
