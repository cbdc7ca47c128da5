"""From stored values to what a viewer shows: look-up tables, windows, padding, palettes."""

import io

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.pixels import apply_modality_lut, apply_voi_lut

from imip.scan.read import read_scan
from tests.support.scan_files import (
    data_set,
    dicom_bytes,
    mr_bytes,
    ramp,
    wheel_file,
)

SLICE = ramp().astype(np.uint16) * 16  # 12 bits of 16


def window(center: float, width: float) -> dict[str, float]:
    return {"WindowCenter": center, "WindowWidth": width}


@pytest.mark.parametrize("name", ["MR_small", "CT_small", "693_J2KI", "J2K_pixelrep_mismatch", "examples_overlay"])
def test_display_follows_pydicoms_reading_of_the_standard(name: str) -> None:
    file = wheel_file(f"{name}.dcm")
    ds = pydicom.dcmread(io.BytesIO(file))
    values = apply_voi_lut(apply_modality_lut(ds.pixel_array, ds), ds, prefer_lut=True).astype(float)
    scan = read_scan(file)
    shown = np.ones(values.shape, bool)
    if "PixelPaddingValue" in ds:
        shown = ds.pixel_array != ds.PixelPaddingValue
        assert not scan.pixels[~shown].any()
    if "WindowWidth" in ds:
        bits, signed = ds.BitsStored, ds.PixelRepresentation
        ends = np.array([-(2 ** (bits - 1)), 2 ** (bits - 1) - 1] if signed else [0, 2**bits - 1])
        low, high = apply_modality_lut(ends, ds)
        expected = (values - low) / (high - low) * 255
        assert np.abs(scan.pixels - expected)[shown].max() <= 2
    else:
        order = np.argsort(values[shown])
        assert (np.diff(scan.pixels[shown][order].astype(int)) >= 0).all()


def test_monochrome1_is_the_inverse_of_monochrome2() -> None:
    plain = read_scan(mr_bytes(ramp()))
    inverse = read_scan(mr_bytes(ramp(), PhotometricInterpretation="MONOCHROME1"))
    assert np.array_equal(inverse.pixels, 255 - plain.pixels)


def test_eight_bit_pixels_without_a_window_are_shown_as_they_are() -> None:
    assert np.array_equal(read_scan(mr_bytes(ramp())).pixels, ramp())


@pytest.mark.parametrize(
    ("function", "dark", "middle", "bright"),
    [("LINEAR", 899, 1000, 1100), ("LINEAR_EXACT", 900, 1000, 1100), ("SIGMOID", 500, 1000, 1500)],
)
def test_windows_map_center_to_middle_gray(function: str, dark: int, middle: int, bright: int) -> None:
    pixels = np.array([[dark, middle, bright]], np.uint16)
    scan = read_scan(mr_bytes(pixels, VOILUTFunction=function, **window(1000, 200)))
    low, center, high = scan.pixels[0].tolist()
    assert (low, high) == (0 if function != "SIGMOID" else low, 255 if function != "SIGMOID" else high)
    assert low <= 1 and high >= 254 and abs(center - 128) <= 1


def test_rescale_comes_before_the_window() -> None:
    hounsfield = np.array([[0, 1024, 2048]], np.uint16)
    scan = read_scan(mr_bytes(hounsfield, RescaleSlope=1, RescaleIntercept=-1024, **window(0.5, 2049)))
    assert scan.pixels[0].tolist() == [0, 128, 255]


def test_deep_pixels_without_a_window_use_the_whole_range() -> None:
    scan = read_scan(mr_bytes(SLICE))
    assert (scan.pixels.min(), scan.pixels.max(), scan.bit_depth) == (0, 255, 16)


def test_negative_pixels_are_darker_than_positive_ones() -> None:
    scan = read_scan(mr_bytes(np.array([[-500, 0, 500]], np.int16)))
    assert scan.pixels[0].tolist() == [0, 128, 255]


def test_padding_is_dark_and_does_not_take_contrast() -> None:
    pixels = np.tile(np.arange(1000, 1100, dtype=np.uint16), (10, 1))
    pixels[:, 0] = 60_000
    for photometric in ("MONOCHROME1", "MONOCHROME2"):
        scan = read_scan(mr_bytes(pixels, PixelPaddingValue=60_000, PhotometricInterpretation=photometric))
        assert not scan.pixels[:, 0].any()
        assert np.ptp(scan.pixels[:, 1:]) == 255


def lut_item(first: int, entries: list[int], bits: int = 16) -> Dataset:
    item = Dataset()
    item.add_new("LUTDescriptor", "US", [len(entries), first, bits])
    item.add_new("LUTData", "OW", np.array(entries, "<u2").tobytes())
    return item


def test_modality_and_voi_luts_are_looked_up_and_clamped() -> None:
    pixels = np.array([[0, 10, 11, 12, 400]], np.uint16)
    voi = read_scan(mr_bytes(pixels, VOILUTSequence=[lut_item(10, [0, 128, 255], bits=8)]))
    assert voi.pixels[0].tolist() == [0, 0, 128, 255, 255]
    modality = mr_bytes(pixels, ModalityLUTSequence=[lut_item(10, [300, 200, 100])], **window(200.5, 201))
    assert read_scan(modality).pixels[0].tolist() == [255, 255, 128, 0, 0]


def test_palette_colors_become_luma() -> None:
    ds = data_set(np.array([[0, 1, 2]], np.uint8), PhotometricInterpretation="PALETTE COLOR")
    for color, table in (("Red", [0, 65535, 0]), ("Green", [0, 65535, 65535]), ("Blue", [0, 65535, 0])):
        ds.add_new(f"{color}PaletteColorLookupTableDescriptor", "US", [3, 0, 16])
        ds.add_new(f"{color}PaletteColorLookupTableData", "OW", np.array(table, "<u2").tobytes())
    scan = read_scan(dicom_bytes(ds))
    assert scan.pixels[0].tolist() == [0, 255, 150]
    assert scan.channels == 3


def test_planar_configuration_does_not_matter() -> None:
    picture = np.stack([ramp(), ramp() // 2, 255 - ramp()], axis=-1)
    planar = data_set(picture, PlanarConfiguration=1)
    planar.PixelData = np.moveaxis(picture, -1, 0).tobytes()
    assert np.array_equal(read_scan(mr_bytes(picture)).pixels, read_scan(dicom_bytes(planar)).pixels)


def test_float_pixel_data_is_stretched() -> None:
    ds = data_set(ramp())
    del ds.PixelData
    ds.BitsAllocated = 32
    pixels = ramp().astype(np.float32) / 1e6
    pixels[0, 0] = np.nan
    ds.FloatPixelData = pixels.tobytes()
    scan = read_scan(dicom_bytes(ds))
    assert (scan.pixels[0, 0], scan.pixels[-1, -1], scan.bit_depth) == (0, 255, 32)


def test_frames_have_their_own_windows() -> None:
    ds = data_set(np.full((3, 2, 2), 100, np.uint16))
    ds.PerFrameFunctionalGroupsSequence = []
    for center in (50, 100.5, 400):
        voi, group = Dataset(), Dataset()
        voi.WindowCenter, voi.WindowWidth = center, 21
        group.FrameVOILUTSequence = [voi]
        ds.PerFrameFunctionalGroupsSequence.append(group)
    file = dicom_bytes(ds)
    assert [read_scan(file, frame=frame).pixels[0, 0] for frame in range(3)] == [255, 128, 0]
