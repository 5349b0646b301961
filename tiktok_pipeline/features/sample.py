"""Bounded, deterministic samples of a large frame: the only way for many rows to leave the engine."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import narwhals as nw
import pandas as pd

from tiktok_pipeline.frames import count_rows, to_pandas
from tiktok_pipeline.warehouse.base import Engine

SOURCE_ORDER = ("source_file", "source_row")
"""Columns that sort rows into source order. In that order a fit with one seed gives the same model every time."""

MAX_SAMPLE_ROWS = 2_000_000
"""Most rows that medians, quantiles and models are computed on.

An exact quantile of more rows would hold and sort the whole column. A quantile of two million sampled rows is within
0.1 % of its rank, 2.8 standard errors. Counts, sums, means and shares are always of all rows.
"""

VALUES_IN_MEMORY = 4_000_000
"""Most values of features that a query of exact quantiles holds at once, unless one column has more."""

_KEYS = 16**15
"""Number of values that a ``sample_key`` can have: 15 hexadecimal digits."""


@dataclass(frozen=True)
class SampledFrame:
    """A frame with the bounded sample that represents it.

    Parameters
    ----------
    rows : LazyFrame
        All rows.
    sample : LazyFrame
        All rows, or if there are more than the bound, those whose ``sample_key`` is at most ``largest_key``.
    largest_key : str or None
        The largest ``sample_key`` of the sample; None if the sample is all rows.
    """

    rows: nw.LazyFrame[Any]
    sample: nw.LazyFrame[Any]
    largest_key: str | None


def sample_frame(
    rows: nw.LazyFrame[Any], engine: Engine, *, max_rows: int = MAX_SAMPLE_ROWS, keep_until_close: bool = False
) -> SampledFrame:
    """Sample at most ``max_rows`` rows, deterministically.

    The sample has the rows with the smallest md5 of ``account_id``, so it is the same in every run and on every
    machine.

    Parameters
    ----------
    rows : LazyFrame
        Rows with ``account_id``.
    engine : Engine
        The engine that holds the frame. It stores the sample, if the sample is not all rows.
    max_rows : int
        Most rows of the sample.
    keep_until_close : bool
        Whether the stored sample outlasts `Engine.unpersist_all`.
    """
    oversample = _oversample(rows, max_rows, engine, keep_until_close=keep_until_close)
    if oversample is None:
        return SampledFrame(rows, rows, None)
    candidates, largest_key = oversample
    return SampledFrame(rows, candidates.filter(nw.col("sample_key") <= largest_key).drop("sample_key"), largest_key)


def collect_sample(
    frame: nw.LazyFrame[Any], columns: Sequence[str], *, max_rows: int, engine: Engine
) -> pd.DataFrame:
    """Return ``account_id`` and ``columns`` of at most ``max_rows`` sampled rows as pandas, in source order."""
    names = list(dict.fromkeys(("account_id", *SOURCE_ORDER, *columns)))
    sampled = sample_frame(frame.select(names), engine, max_rows=max_rows)
    return to_pandas(sampled.sample.sort(*SOURCE_ORDER).select("account_id", *columns))


def columns_at_once(names: Sequence[str], rows: int) -> list[tuple[str, ...]]:
    """Split columns into batches whose values fit into memory together; few rows need one query, many one a column.

    Examples
    --------
    >>> columns_at_once(["likes", "followers", "following"], 1_000)
    [('likes', 'followers', 'following')]
    >>> columns_at_once(["likes", "followers", "following"], 2_000_000)
    [('likes', 'followers'), ('following',)]
    """
    size = max(1, VALUES_IN_MEMORY // max(rows, 1))
    return [tuple(names[start : start + size]) for start in range(0, len(names), size)]


def _oversample(
    frame: nw.LazyFrame[Any], max_rows: int, engine: Engine, *, keep_until_close: bool = False
) -> tuple[nw.LazyFrame[Any], str] | None:
    """Return slightly more rows than the sample, with their keys, and its largest key; None if all rows fit."""
    rows = count_rows(frame)
    if rows <= max_rows:
        return None
    keyed = engine.sample_key(frame, "account_id")
    # Keys are spread evenly. A margin of six standard deviations fails once in a billion times; then take all rows.
    enough = int(_KEYS * min(1.0, (max_rows + 6 * math.sqrt(max_rows) + 20) / rows)) - 1
    for guess in (f"{enough:015x}", "f" * 15):
        candidates = engine.persist(keyed.filter(nw.col("sample_key") <= guess), keep_until_close=keep_until_close)
        smallest = candidates.select("sample_key").sort("sample_key").head(max_rows)
        bounds = smallest.select(nw.len().alias("rows"), nw.col("sample_key").max().alias("largest")).collect(
            "pyarrow"
        )
        if bounds.item(0, "rows") == max_rows:
            break
    return candidates, str(bounds.item(0, "largest"))
