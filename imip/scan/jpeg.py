"""8-bit JPEG to gray pixels. libjpeg-turbo decodes; what it only warns of, such as data that ends early, is an error.

OpenCV, Pillow and GDCM go on after such a warning and show a damaged file with its rest filled in.
"""

import numpy as np
import simplejpeg
from numpy.typing import NDArray

from imip.errors import MalformedScan, UnsupportedScan
from imip.scan.codestream.jpeg import with_eight_bits, without_last_byte


def decode_gray(data: bytes) -> NDArray[np.uint8]:
    """(H, W) of a JPEG that `read_jpeg` accepts: luma of color, not turned as EXIF says.

    CMYK and YCCK are read as inverted, as Adobe writes them. Raises MalformedScan, UnsupportedScan.
    """
    try:
        pixels: NDArray[np.uint8] = simplejpeg.decode_jpeg(data, "GRAY", strict=True)
    except ValueError as error:
        if "subsampling" in str(error):  # found on the header, whatever the data
            raise UnsupportedScan("This chroma subsampling of JPEG is not supported.") from None
        raise MalformedScan("The JPEG is damaged: its data ends early or cannot be decoded.") from None
    return pixels[..., 0]


def check_lossless(bare: bytes) -> None:
    """Raises MalformedScan for what GDCM only prints of a gray lossless JPEG, reduced by `bare_jpeg`.

    That is data that ends early, cannot be decoded, or goes on after the picture. simplejpeg takes 8 bits only; how
    the data is coded does not depend on their number.
    """
    shallow = with_eight_bits(bare)
    decode_gray(shallow)
    try:
        decode_gray(without_last_byte(shallow))
    except MalformedScan:
        return  # each byte is needed
    raise MalformedScan("The JPEG has data after its picture.")
