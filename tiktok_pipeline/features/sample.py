"""Takes a bounded, deterministic part of a large frame into memory: the only way out of the engine for many rows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import narwhals as nw
import pandas as pd

from tiktok_pipeline.warehouse.base import Engine

SOURCE_ORDER = ("source_file", "source_row")
"""Source order: with it a fit with one seed is the same every time."""


MAX_SAMPLE_ROWS = 2_000_000
"""Rows from which medians, quantiles and models are made: an exact quantile of more would hold, and sort, its whole column.
A quantile of two million is within 0.1 % of its rank, 2.8 standard errors; counts, sums, means and shares are of all rows."""

_KEYS = 16**15
"""How many values a ``sample_key`` may have: 15 hexadecimal digits."""


@dataclass(frozen=True)
class SampledFrame:
    """The features of a source: all ``rows``, and the bounded ``sample`` of them from which whatever needs an order is made.

    Where there are few rows the sample is all of them, and ``largest_key`` is None; else it is the rows whose ``sample_key`` is
    at most that.
    """

    rows: nw.LazyFrame[Any]
    sample: nw.LazyFrame[Any]
    largest_key: str | None


def sample_frame(
    rows: nw.LazyFrame[Any], engine: Engine, *, max_rows: int = MAX_SAMPLE_ROWS, keep_until_close: bool = False
) -> SampledFrame:
    """Draw the sample of some features, with one look at them; ``keep_until_close`` as in `Engine.staged`."""
    found = _oversample(rows, max_rows, engine, keep_until_close=keep_until_close)
    if found is None:
        return SampledFrame(rows, rows, None)
    few, largest = found
    return SampledFrame(rows, few.filter(nw.col("sample_key") <= largest).drop("sample_key"), largest)


def key_limit(frame: nw.LazyFrame[Any], max_rows: int, engine: Engine) -> str | None:
    """The largest ``sample_key`` of the deterministic sample of ``max_rows``; None where all rows fit in.

    The sample is the rows with the smallest md5 of ``account_id``, so it is the same on every run and machine, and
    a creator is in it or not whatever the other rows are.
    """
    found = _oversample(frame.select("account_id"), max_rows, engine)
    return None if found is None else found[1]


def collect_sample(
    frame: nw.LazyFrame[Any], columns: Sequence[str], *, max_rows: int, engine: Engine
) -> pd.DataFrame:
    """``account_id`` and the given columns as pandas, at most ``max_rows`` rows (see `key_limit`), in source order."""
    wanted = list(dict.fromkeys(("account_id", *SOURCE_ORDER, *columns)))
    drawn = sample_frame(frame.select(wanted), engine, max_rows=max_rows)
    taken: pd.DataFrame = (
        drawn.sample.sort(*SOURCE_ORDER).select("account_id", *columns).collect("pandas").to_native()
    )
    return taken


def _oversample(
    frame: nw.LazyFrame[Any], max_rows: int, engine: Engine, *, keep_until_close: bool = False
) -> tuple[nw.LazyFrame[Any], str] | None:
    """A few more rows than the sample has, with their ``sample_key``, and its largest key; None where all fit in."""
    rows = frame.select(nw.len().alias("rows")).collect("pyarrow").item(0, "rows")
    if rows <= max_rows:
        return None
    keyed = engine.sample_key(frame, "account_id")
    # Keys are spread evenly: that many more than expected are left out by a guess once in a billion times.
    enough = int(_KEYS * min(1.0, (max_rows + 6 * math.sqrt(max_rows) + 20) / rows)) - 1
    for guess in (f"{enough:015x}", "f" * 15):
        few = engine.persist(keyed.filter(nw.col("sample_key") <= guess), keep_until_close=keep_until_close)
        smallest = few.select("sample_key").sort("sample_key").head(max_rows)
        found = smallest.select(nw.len().alias("rows"), nw.col("sample_key").max().alias("largest")).collect(
            "pyarrow"
        )
        if found.item(0, "rows") == max_rows:
            break
    return few, str(found.item(0, "largest"))
