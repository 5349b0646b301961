"""The array types of the classifiers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]

Vector = NDArray[np.float64]
