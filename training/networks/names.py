"""The names of the layers that Grad-CAM and the embedding are taken from, in networks that the export compiles."""

LAST_CONVOLUTION = "last_convolution"  # the layer whose output Grad-CAM weighs
HIDDEN_LAYER = "hidden"  # the one dense layer between it and the logits
