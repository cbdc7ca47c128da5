"""What leaves a data set beside its pixels: a few categories and numbers, and a warning of writing."""

import pytest
from pydicom import uid

from imip.errors import BurnedInAnnotation
from imip.scan.read import read_scan
from tests.support.scan_files import mr_bytes, ramp


@pytest.mark.parametrize(
    ("attributes", "warning"),
    [
        ({"BurnedInAnnotation": "YES"}, "burned_in_annotation"),
        ({"Modality": "US"}, "burned_in_annotation_possible"),
        ({"Modality": "XA"}, "burned_in_annotation_possible"),
        ({"SOPClassUID": uid.SecondaryCaptureImageStorage}, "burned_in_annotation_possible"),
        ({"SOPClassUID": uid.MultiFrameTrueColorSecondaryCaptureImageStorage}, "burned_in_annotation_possible"),
        ({"ConversionType": "DF"}, "burned_in_annotation_possible"),
    ],
)
def test_writing_in_the_pixels_is_warned_about_or_refused(attributes: dict[str, str], warning: str) -> None:
    file = mr_bytes(ramp(), **attributes)
    assert read_scan(file).warnings == (warning,)
    with pytest.raises(BurnedInAnnotation):
        read_scan(file, burned_in="refuse")


@pytest.mark.parametrize("attributes", [{}, {"Modality": "US", "BurnedInAnnotation": "NO"}, {"Modality": "CT"}])
def test_scans_free_of_writing_pass(attributes: dict[str, str]) -> None:
    assert read_scan(mr_bytes(ramp(), **attributes), burned_in="refuse").warnings == ()


def test_technical_attributes_come_from_closed_sets() -> None:
    scan = read_scan(
        mr_bytes(
            ramp(),
            Manufacturer="SIEMENS Healthineers",
            MagneticFieldStrength="3.0000",
            PixelSpacing=[0.5, 0.5],
            SliceThickness="5.0",
            EchoTime="12345678",
            ScanningSequence=["GR", "IR"],
            BodyPartExamined="BRAIN",
            MRAcquisitionType="4D",
        )
    )
    assert scan.attributes == {
        "Modality": "MR",
        "SOPClass": "MR Image Storage",
        "PhotometricInterpretation": "MONOCHROME2",
        "Manufacturer": "Siemens",
        "MagneticFieldStrength": "3",
        "PixelSpacing": "0.5\\0.5",
        "SliceThickness": "5",
        "ScanningSequence": "GR\\IR",
        "BodyPartExamined": "BRAIN",
    }
