"""Explanations of a prediction as pictures: heatmaps, overlays and decision paths."""
