"""Ranks and quantiles of values in a window that moves along the rows, in NumPy.

Ranks are counted by comparing the rows with themselves, shifted by one row, two rows and so on: each comparison of
two rows serves both. That takes a fraction of the time of the engine's windows, and gives the same numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_ROWS_AT_ONCE = 16_384
"""Rows that are compared at once: their codes fit into the processor's cache."""

_MOST_IN_A_BYTE = 255
_MISSING = np.uint16(2**16 - 1)
_ROWS_OF_CODES = 2**15
"""Rows of a block whose values are numbered, fewer than two bytes can hold."""

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class WindowRanks:
    """How each value stands among the values of its window.

    Attributes
    ----------
    known, below, above : ndarray of int64, shape (n_rows,)
        The values in the window, and those that are smaller and larger than the row's own. Both are all of them for a
        row without a value.
    """

    known: Integers
    below: Integers
    above: Integers


def rank_in_windows(values: Floats, first: int, end: int, *, reach: int) -> WindowRanks:
    """Rank the values of some rows in their windows.

    Parameters
    ----------
    values : ndarray of shape (n_rows,)
        The values in their order; NaN for a missing one.
    first, end : int
        The rows to rank: from ``first`` to before ``end``.
    reach : int
        Rows of a window on each side of its row.

    Examples
    --------
    >>> ranks = rank_in_windows(np.array([3.0, 1.0, np.nan, 2.0]), 0, 4, reach=1)
    >>> ranks.known.tolist(), ranks.below.tolist(), ranks.above.tolist()
    ([2, 2, 2, 1], [1, 0, 2, 0], [0, 1, 2, 0])
    """
    parts = [
        _ranks_of_block(values, start, min(start + _ROWS_AT_ONCE, end), reach)
        for start in range(first, end, _ROWS_AT_ONCE)
    ]
    known = _known_in_windows(values, first, end, reach)
    none = np.empty(0, dtype=np.int64)
    below, not_below = (np.concatenate([none, *(part[side] for part in parts)]) for side in (0, 1))
    # A missing value was counted as larger than all others.
    rows = np.arange(first, end)
    peers = np.minimum(rows + reach + 1, len(values)) - np.maximum(rows - reach, 0)
    is_missing = np.isnan(values[first:end])
    above = not_below - (peers - known)
    return WindowRanks(known, np.where(is_missing, known, below), np.where(is_missing, known, above))


def quantiles_in_windows(values: Floats, centers: Integers, shares: Sequence[float], *, reach: int) -> Floats:
    """Return quantiles of the windows around some rows, by linear interpolation and without missing values.

    Parameters
    ----------
    values : ndarray of shape (n_rows,)
        The values in their order; NaN for a missing one.
    centers : ndarray of int, shape (n_windows,)
        The rows in the middle of the windows, in ascending order; also rows behind the last one.
    shares : sequence of float
        The share of each quantile, from 0 to 1.
    reach : int
        Rows of a window on each side of its row.

    Returns
    -------
    ndarray of shape (n_windows, n_shares)
        NaN for a window without a value.

    Examples
    --------
    >>> quantiles_in_windows(np.array([3.0, 1.0, np.nan, 2.0]), np.array([1, 3]), [0.5], reach=1).tolist()
    [[2.0], [2.0]]
    """
    windows_at_once = max(1, _ROWS_OF_CODES // (2 * reach + 1))
    quantiles = np.full((len(centers), len(shares)), np.nan)
    start = 0
    while start < len(centers):
        # The codes of a block are small whole numbers, which are sorted in a twentieth of the time of floats.
        end = int(np.searchsorted(centers, centers[start] + _ROWS_OF_CODES - 2 * reach))
        end = min(max(end, start + 1), start + windows_at_once)
        quantiles[start:end] = _quantiles_of_block(values, centers[start:end], shares, reach)
        start = end
    return quantiles


def _quantiles_of_block(values: Floats, centers: Integers, shares: Sequence[float], reach: int) -> Floats:
    low, high = max(0, int(centers[0]) - reach), min(len(values), int(centers[-1]) + reach + 1)
    codes, levels = _codes(values[low:high])
    before, after = low - int(centers[0]) + reach, int(centers[-1]) + reach + 1 - high
    padded = np.pad(codes, (before, after), constant_values=_MISSING)
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1)[centers - centers[0]]
    ordered = np.sort(windows, axis=1)
    known = np.count_nonzero(ordered != _MISSING, axis=1)
    rows, last = np.arange(len(centers)), np.maximum(known - 1, 0)
    columns = []
    for share in shares:
        place = last * share
        floor = np.floor(place).astype(np.int64)
        least, most = (_values_of(ordered[rows, at], levels) for at in (floor, np.ceil(place).astype(np.int64)))
        columns.append(least + (most - least) * (place - floor))
    return np.column_stack(columns)


def _values_of(codes: NDArray[np.uint16], levels: Floats) -> Floats:
    found = np.full(len(codes), np.nan)
    is_known = codes != _MISSING
    found[is_known] = levels[codes[is_known]]
    return found


def _known_in_windows(values: Floats, first: int, end: int, reach: int) -> Integers:
    counts = np.concatenate([[0], np.cumsum(~np.isnan(values))])
    rows = np.arange(first, end)
    known: Integers = counts[np.minimum(rows + reach + 1, len(values))] - counts[np.maximum(rows - reach, 0)]
    return known


def _ranks_of_block(values: Floats, start: int, end: int, reach: int) -> tuple[Integers, Integers]:
    """Return the smaller values, and the larger or missing ones, in the windows of the rows of a block."""
    low, high = max(0, start - reach), min(len(values), end + reach)
    codes, _ = _codes(values[low:high])
    below, above = (np.zeros(len(codes), dtype=np.int64) for _ in range(2))
    for nearest in range(1, reach + 1, _MOST_IN_A_BYTE):
        _compare_shifted(codes, range(nearest, min(nearest + _MOST_IN_A_BYTE, reach + 1)), below, above)
    return below[start - low : end - low], above[start - low : end - low]


def _compare_shifted(codes: NDArray[np.uint16], shifts: range, below: Integers, above: Integers) -> None:
    """Add to each row how many of the rows at some distances from it are smaller and larger.

    A byte holds the counts of one side of the window.
    """
    counts = np.zeros((4, len(codes)), dtype=np.uint8)
    below_after, above_after, below_before, above_before = counts
    for shift in shifts:
        if shift >= len(codes):
            break
        earlier, later = codes[:-shift], codes[shift:]
        rises, falls = (earlier < later).view(np.uint8), (earlier > later).view(np.uint8)
        below_before[shift:] += rises
        above_after[:-shift] += rises
        above_before[shift:] += falls
        below_after[:-shift] += falls
    below += below_before
    below += below_after
    above += above_before
    above += above_after


def _codes(values: Floats) -> tuple[NDArray[np.uint16], Floats]:
    """Return small whole numbers in the order of the values, a missing one last, and the value of each number."""
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    is_new = np.ones(len(values), dtype=bool)
    is_new[1:] = ordered[1:] != ordered[:-1]
    codes = np.empty(len(values), dtype=np.uint16)
    codes[order] = (np.cumsum(is_new) - 1).astype(np.uint16)
    codes[np.isnan(values)] = _MISSING
    return codes, ordered[is_new]
