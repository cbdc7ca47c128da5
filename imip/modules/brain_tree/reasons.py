"""Describe the steps of a decision path as sentences."""

from imip.modules.brain_tree.texture import DISTANCES, PROPERTIES, RADII
from imip.modules.brain_tree.tree import Step
from imip.prediction import Compared, Reason

PATTERN_NAMES = (  # by the number of eight neighbours that are not darker (Ojala, Pietikainen and Maenpaa 2002)
    "bright spots",
    "bright line ends",
    "sharp bright corners",
    "blunt bright corners",
    "straight edges",
    "blunt dark corners",
    "sharp dark corners",
    "dark line ends",
    "dark spots or flat parts",
    "irregular patterns",
)
SCALE_NAMES = dict(zip(RADII, ("fine", "coarse"), strict=True))
PAIR_NAMES = dict(zip(DISTANCES, ("neighbouring pixels", f"pixels {DISTANCES[1]} apart"), strict=True))
MEASURE_NAMES = {
    "foreground_aspect": "height of the head by its width",
    "foreground_brightness": "mean brightness of the head",
    "foreground_variation": "variation of brightness in the head",
    "foreground_midtone": "mid-tone of the head",
    "foreground_black_ratio": "share of black in the head",
    "symmetry": "left-right symmetry",
    "shading_vertical": "shading towards the bottom",
    "shading_horizontal": "shading towards the right",
    "shading_radial": "shading towards the rim",
    **{
        f"lbp_{radius}_{pattern}": f"share of {scale} {name}"
        for radius, scale in SCALE_NAMES.items()
        for pattern, name in enumerate(PATTERN_NAMES)
    },
    **{f"glcm_{name}_{distance}": f"{name} of {pair}" for distance, pair in PAIR_NAMES.items() for name in PROPERTIES},
}
MIN_DIGITS, MAX_DIGITS = 3, 8  # significant digits of a number


def describe_step(step: Step) -> Reason:
    """Describe a step, with enough digits that value and threshold look different."""
    digits = range(MIN_DIGITS, MAX_DIGITS + 1)
    numbers = [(f"{step.value:.{n}g}", f"{step.threshold:.{n}g}") for n in digits]
    value, threshold = next((pair for pair in numbers if pair[0] != pair[1]), numbers[-1])
    compared: Compared = "above" if step.above else "at most"
    text = f"{MEASURE_NAMES[step.measure]} {value} is {compared} {threshold}"
    return Reason(text, step.measure, step.value, step.threshold, compared)
