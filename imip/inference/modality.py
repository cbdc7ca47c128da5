"""Check whether a module supports the modality that a scan declares.

Only DICOM declares a modality (Modality, PS3.3 C.7.3.1.1.1). A scan is accepted if it declares none, or one that only
describes how the file was made.
"""

from imip.errors import WrongModality
from imip.inference.card import Card
from imip.scan.dicom.tags import Tag
from imip.scan.scan import Scan

UNSPECIFIC = frozenset({"OT", "SC"})  # other, secondary capture


def has_wrong_modality(scan: Scan, card: Card) -> bool:
    """Return whether a scan declares a modality that the module does not support."""
    declared = scan.attributes.get(Tag.Modality.name)
    return declared is not None and declared not in {*card.input.modalities, *UNSPECIFIC}


def check_modality(scan: Scan, card: Card) -> None:
    """Raise WrongModality if a scan declares a modality that the module does not support."""
    if has_wrong_modality(scan, card):
        raise WrongModality(
            f"The scan declares modality {scan.attributes[Tag.Modality.name]}; module {card.module} is for "
            f"{' or '.join(card.input.modalities)}. Send any_modality=true to ask it all the same."
        )
