"""Limits on the size of a scan. They are checked against the header, before memory is allocated."""

from dataclasses import dataclass

from imip.errors import ScanTooLarge


@dataclass(frozen=True, slots=True)
class Limits:
    """Upper limits of one scan. Every field has a setting."""

    body_bytes: int = 32 * 2**20
    side: int = 8192  # pixels, width or height
    pixels: int = 32_000_000  # width x height of one frame
    frames: int = 4096
    decoded_bytes: int = 128 * 2**20  # samples of one frame, before conversion to 8-bit grayscale
    inflated_bytes: int = 256 * 2**20  # a deflated DICOM data set after inflation

    def check_body(self, size_bytes: int) -> None:
        """Raises ScanTooLarge."""
        if size_bytes > self.body_bytes:
            raise ScanTooLarge(f"The file has {size_bytes} bytes; the limit is {self.body_bytes}.")

    def check_picture(self, width: int, height: int, pixel_bytes: int) -> None:
        """Raises ScanTooLarge."""
        if max(width, height) > self.side:
            raise ScanTooLarge(f"The picture is {width}x{height} pixels; the limit per side is {self.side}.")
        if width * height > self.pixels:
            raise ScanTooLarge(f"The picture has {width * height} pixels; the limit is {self.pixels}.")
        size_bytes = width * height * pixel_bytes
        if size_bytes > self.decoded_bytes:
            raise ScanTooLarge(f"The picture has {size_bytes} bytes when decoded; the limit is {self.decoded_bytes}.")

    def check_frames(self, frames: int) -> None:
        """Raises ScanTooLarge."""
        if frames > self.frames:
            raise ScanTooLarge(f"The scan has {frames} frames; the limit is {self.frames}.")


DEFAULT_LIMITS = Limits()
