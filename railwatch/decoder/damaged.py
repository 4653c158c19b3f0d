"""What rasterio raises of a file that is damaged or made to look like one.

Apart from its own errors it lets GDAL's through where an attribute is read that GDAL computes only
then: the colours of planes behind a broken key directory, say. Imported in the decoder alone.
"""

from rasterio._err import CPLE_BaseError  # there is no public name
from rasterio.errors import CRSError, NotGeoreferencedWarning, RasterioError

DAMAGED: tuple[type[Exception], ...] = (
    RasterioError,
    CPLE_BaseError,
    CRSError,
    NotGeoreferencedWarning,
)
