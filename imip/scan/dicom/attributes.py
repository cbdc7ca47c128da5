"""The technical DICOM attributes that are kept, and whether the pixels may contain burned-in text.

Any text field of a careless or hostile file may contain a patient's name, so no free text is kept: a code must be in
a closed vocabulary, a number must be in a plausible range and is formatted again. Such an allowlist is stronger than
the blocklist of PS3.15 Annex E.
"""

import re
from collections.abc import Sequence
from typing import Literal

from pydicom.config import IGNORE
from pydicom.uid import UID

from imip.errors import BurnedInAnnotation, MalformedScan
from imip.scan.dicom.parser import Elements, find
from imip.scan.dicom.tags import Tag

ANNOTATED = "burned_in_annotation"
ANNOTATION_POSSIBLE = "burned_in_annotation_possible"
WARNINGS = (ANNOTATED, ANNOTATION_POSSIBLE)

_MODALITIES = frozenset(  # defined terms of PS3.3 C.7.3.1.1.1, retired ones from AS on; SC is not one, but is used
    {"ANN", "AR", "ASMT", "AU", "BDUS", "BI", "BMD", "CFM", "CR", "CT", "CTPROTOCOL", "DG", "DMS", "DOC"}
    | {"DX", "ECG", "EEG", "EMG", "EOG", "EPS", "ES", "FID", "GM", "HC", "HD", "IO", "IOL", "IVOCT", "IVUS"}
    | {"KER", "KO", "LEN", "LS", "M3D", "MG", "MR", "NM", "OAM", "OCT", "OP", "OPM", "OPT", "OPTBSV", "OPTENF"}
    | {"OPV", "OSS", "OT", "PA", "PLAN", "POS", "PR", "PT", "PX", "REG", "RESP", "RF", "RG", "RTDOSE"}
    | {"RTIMAGE", "RTINTENT", "RTPLAN", "RTRAD", "RTRECORD", "RTSEGANN", "RTSTRUCT", "RWV", "SEG", "SM", "SMR"}
    | {"SR", "SRF", "STAIN", "TEXTUREMAP", "TG", "US", "VA", "XA", "XAPROTOCOL", "XC"}
    | {"AS", "CD", "CF", "CP", "CS", "DD", "DF", "DM", "DS", "EC", "FA", "FS", "LP", "MA", "MS", "OPR", "ST"}
    | {"VF", "SC"}
)
_DECLARED = frozenset({"YES", "NO"})
_CODES = {
    Tag.Modality: _MODALITIES,
    Tag.MRAcquisitionType: frozenset({"1D", "2D", "3D"}),
    Tag.ScanningSequence: frozenset({"SE", "IR", "GR", "EP", "RM"}),
    Tag.PhotometricInterpretation: frozenset(
        {"MONOCHROME1", "MONOCHROME2", "PALETTE COLOR", "RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT"}
    ),
    Tag.BodyPartExamined: frozenset(
        {"ABDOMEN", "ANKLE", "ARM", "BRAIN", "BREAST", "CHEST", "CSPINE", "ELBOW", "EXTREMITY", "FOOT", "HAND", "HEAD"}
        | {"HEADNECK", "HEART", "HIP", "KIDNEY", "KNEE", "LEG", "LIVER", "LSPINE", "LUNG", "NECK", "ORBIT", "PANCREAS"}
        | {"PELVIS", "PROSTATE", "SHOULDER", "SKULL", "SPINE", "TSPINE", "WHOLEBODY", "WRIST"}
    ),
    Tag.PatientIdentityRemoved: _DECLARED,
    Tag.BurnedInAnnotation: _DECLARED,
}
_RANGES = {  # exclusive lower bound 0; units of PS3.6
    Tag.MagneticFieldStrength: 30.0,  # T
    Tag.SliceThickness: 1000.0,  # mm
    Tag.RepetitionTime: 100_000.0,  # ms
    Tag.EchoTime: 10_000.0,  # ms
    Tag.PixelSpacing: 100.0,  # mm, row and column
}
_VENDORS = {
    "SIEMENS": "Siemens",
    "GE": "GE",
    "PHILIPS": "Philips",
    "TOSHIBA": "Canon",
    "CANON": "Canon",
    "HITACHI": "Fujifilm",
    "FUJI": "Fujifilm",
    "FUJIFILM": "Fujifilm",
    "BRUKER": "Bruker",
    "UIH": "United Imaging",
    "AGFA": "Agfa",
    "CARESTREAM": "Carestream",
    "HOLOGIC": "Hologic",
    "ESAOTE": "Esaote",
    "SHIMADZU": "Shimadzu",
}


def technical_attributes(data_sets: Sequence[Elements]) -> dict[str, str]:
    """Return {DICOM keyword: category or number}.

    `data_sets`: the functional groups of the frame and the data set of the file, most specific first.
    """
    attributes: dict[str, str] = {}
    for tag, vocabulary in _CODES.items():
        codes = _text(data_sets, tag).upper().split("\\")
        if vocabulary.issuperset(codes):
            attributes[tag.name] = "\\".join(codes)
    for tag, bound in _RANGES.items():
        numbers = _numbers(data_sets, tag)
        if 0 < len(numbers) <= 2 and all(0 < number <= bound for number in numbers):
            attributes[tag.name] = "\\".join(f"{number:.4g}" for number in numbers)
    if manufacturer := re.match("[A-Z]+", _text(data_sets, Tag.Manufacturer).upper()):
        attributes[Tag.Manufacturer.name] = _VENDORS.get(manufacturer[0], "other")
    sop_class = UID(_text(data_sets, Tag.SOPClassUID), validation_mode=IGNORE)
    if sop_class.type == "SOP Class":  # only registered UIDs have a type
        attributes["SOPClass"] = sop_class.name
    return attributes


def _text(data_sets: Sequence[Elements], tag: Tag) -> str:
    data_set = find(data_sets, tag)
    return data_set.text(tag) if data_set else ""


def _numbers(data_sets: Sequence[Elements], tag: Tag) -> tuple[float, ...]:
    data_set = find(data_sets, tag)
    try:
        return data_set.decimals(tag) if data_set else ()
    except MalformedScan:  # an optional attribute must not make the scan unreadable
        return ()


_ANNOTATING_MODALITIES = frozenset({"US", "XA", "OT", "SC"})
_SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"  # the multi-frame classes have this prefix


def annotation_warnings(elements: Elements, policy: Literal["refuse", "warn"]) -> tuple[str, ...]:
    """Return a warning if the pixels contain or may contain text. A missing declaration means unknown.

    See PS3.3 C.7.6.1.1.5. Raises BurnedInAnnotation instead of a warning if the policy is "refuse".
    """
    declared = elements.text(Tag.BurnedInAnnotation).upper()
    sop_class = elements.text(Tag.SOPClassUID)
    suspicious = (
        elements.text(Tag.Modality).upper() in _ANNOTATING_MODALITIES
        or sop_class == _SECONDARY_CAPTURE
        or sop_class.startswith(f"{_SECONDARY_CAPTURE}.")
        or Tag.ConversionType in elements
    )
    if declared != "YES" and (declared == "NO" or not suspicious):
        return ()
    if policy == "refuse":
        raise BurnedInAnnotation(
            "The scan declares writing burned into its pixels."
            if declared == "YES"
            else "A scan of this kind may have writing burned into its pixels, and does not declare that it has none."
        )
    return (ANNOTATED,) if declared == "YES" else (ANNOTATION_POSSIBLE,)
