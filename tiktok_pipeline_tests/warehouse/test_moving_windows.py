"""Ranks and quantiles of windows are those that plain comparisons give, with ties and missing values."""

from __future__ import annotations

import numpy as np
import pytest

from tiktok_pipeline.warehouse import moving_windows
from tiktok_pipeline.warehouse.moving_windows import quantiles_in_windows, rank_in_windows

SHARES = [0.01, 0.5, 0.99]


def drawn(rows: int) -> np.ndarray:
    random = np.random.default_rng(rows)
    values = np.round(random.lognormal(0, 1, rows), 1)
    values[random.random(rows) < 0.2] = np.nan
    return values


@pytest.mark.parametrize(("rows", "reach"), [(1, 3), (40, 3), (700, 25), (900, 300)])
@pytest.mark.parametrize("at_once", [7, 10_000])
def test_ranks_count_what_is_smaller_and_larger(
    rows: int, reach: int, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(moving_windows, "_ROWS_AT_ONCE", at_once)
    values = drawn(rows)
    found = rank_in_windows(values, 0, rows, reach=reach)
    for row, value in enumerate(values):
        near = values[max(0, row - reach) : row + reach + 1]
        known = near[~np.isnan(near)]
        assert found.known[row] == len(known)
        if not np.isnan(value):
            assert (found.below[row], found.above[row]) == ((known < value).sum(), (known > value).sum())


@pytest.mark.parametrize("at_once", [60, 100_000])
def test_quantiles_are_those_of_numpy(at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moving_windows, "_ROWS_OF_CODES", min(at_once, 2**15))
    values = drawn(500)
    values[200:260] = np.nan
    centers = np.arange(0, 510, 10)
    found = quantiles_in_windows(values, centers, SHARES, reach=20)
    for center, quantiles in zip(centers, found, strict=True):
        near = values[max(0, center - 20) : center + 21]
        known = near[~np.isnan(near)]
        expected = np.quantile(known, SHARES) if len(known) else np.full(3, np.nan)
        assert quantiles == pytest.approx(expected, rel=1e-12, nan_ok=True)
