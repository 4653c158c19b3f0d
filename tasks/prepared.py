"""What worker processes are forked with: modules and compiled code, and not one thread.

Imported by the process that forks them. Icechunk and what of ours imports it stay out: it starts
threads, which a forked process would not have.
"""

import distributed.worker
import numba
import numpy as np
import pydantic
import pyproj
import pystac
import scipy.optimize
import scipy.special
import scipy.stats
import shapely
import zarr

from railwatch.detector import strip_sampling
from railwatch.detector.order import half_sample_mode
from railwatch.sources.archive import source

half_sample_mode(np.zeros((9, 4)))  # Numba loads its machinery with the first kernel

__all__ = [
    "distributed",
    "numba",
    "pydantic",
    "pyproj",
    "pystac",
    "scipy",
    "shapely",
    "source",
    "strip_sampling",
    "zarr",
]
