"""What each measure of a head is called in a sentence, and the sentence that compares it with a threshold."""

from imip.modules.brain_tree.texture import DISTANCES, PROPERTIES, RADII
from imip.modules.brain_tree.tree import Step
from imip.prediction import Compared, Reason

PATTERN_WORDS = (  # by how many of eight neighbours are not darker (Ojala, Pietikainen and Maenpaa 2002)
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
SCALE_WORDS = dict(zip(RADII, ("fine", "coarse"), strict=True))
PAIR_WORDS = dict(zip(DISTANCES, ("neighbouring pixels", f"pixels {DISTANCES[1]} apart"), strict=True))
WORDS = {
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
        f"lbp_{radius}_{pattern}": f"share of {scale} {words}"
        for radius, scale in SCALE_WORDS.items()
        for pattern, words in enumerate(PATTERN_WORDS)
    },
    **{f"glcm_{name}_{distance}": f"{name} of {pair}" for distance, pair in PAIR_WORDS.items() for name in PROPERTIES},
}
FEWEST, MOST = 3, 9  # significant digits of a number


def reason(step: Step) -> Reason:
    """Say a step in words and values, with as many digits as tell the two numbers apart."""
    digits = range(FEWEST, MOST)
    numbers = [(f"{step.value:.{n}g}", f"{step.threshold:.{n}g}") for n in digits]
    value, threshold = next((pair for pair in numbers if pair[0] != pair[1]), numbers[-1])
    compared: Compared = "above" if step.above else "at most"
    text = f"{WORDS[step.measure]} {value} is {compared} {threshold}"
    return Reason(text, step.measure, step.value, step.threshold, compared)
