"""Does the modality that a scan declares contradict the module it was sent to?

Only DICOM declares one (Modality, PS3.3 C.7.3.1.1.1). A scan that declares none, or one that only says how the file
was made, contradicts nothing.
"""

from imip.errors import WrongModality
from imip.inference.card import Card
from imip.scan.dicom.tags import Tag
from imip.scan.scan import Scan

SAY_NOTHING = frozenset({"OT", "SC"})  # "other", and a secondary capture of whatever it captured


def contradicts(scan: Scan, card: Card) -> bool:
    """Tell whether a scan declares a modality that the module is not for."""
    declared = scan.attributes.get(Tag.Modality.name)
    return declared is not None and declared not in {*card.input.modalities, *SAY_NOTHING}


def require(scan: Scan, card: Card) -> None:
    """Raise WrongModality, saying what the module is for, if the scan contradicts it."""
    if contradicts(scan, card):
        raise WrongModality(
            f"The scan declares modality {scan.attributes[Tag.Modality.name]}; module {card.module} is for "
            f"{' or '.join(card.input.modalities)}. Send any_modality=true to ask it all the same."
        )
