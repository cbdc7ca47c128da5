"""8-bit JPEG to gray pixels. libjpeg-turbo decodes; what it only warns of, such as data that ends early, is an error.

OpenCV, Pillow and GDCM go on after such a warning and show a damaged file with its rest filled in.
"""

import numpy as np
import simplejpeg
from numpy.typing import NDArray

from imip.errors import MalformedScan, UnsupportedScan


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
