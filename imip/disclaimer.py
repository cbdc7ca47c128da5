"""The disclaimer in every response, picture and page."""

DISCLAIMER = (
    "For research and teaching only. This is not a medical device and no diagnosis: its answers can be wrong, "
    "were never reviewed by a physician, and must not guide the care of any patient."
)
CAPTION = "Research only - not for diagnosis"
