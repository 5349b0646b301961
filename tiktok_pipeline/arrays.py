"""The types of NumPy arrays that the clusters and the classifiers exchange."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]
"""Floats of shape (n_rows, n_features)."""

Vector = NDArray[np.float64]
"""Floats of shape (n_rows,)."""
