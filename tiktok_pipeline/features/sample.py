"""Takes a bounded, deterministic part of a large frame into memory: the only way out of the engine for many rows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import narwhals as nw
import pandas as pd

from tiktok_pipeline.warehouse.base import Engine

ORDER = ("source_file", "source_row")
"""Source order: with it a fit with one seed is the same every time."""


MAX_ORDER_ROWS = 2_000_000
"""Rows from which medians and quantiles are taken: an exact one of more would hold, and sort, its whole column. A quantile
of two million is within 0.1 % of its rank, 2.8 standard errors; counts, sums, means and shares are of all rows."""

_KEYS = 16**15
"""How many values a ``sample_key`` may have: 15 hexadecimal digits."""


def key_limit(frame: nw.LazyFrame[Any], max_rows: int, engine: Engine) -> str | None:
    """The largest ``sample_key`` of the deterministic sample of ``max_rows``; None where all rows fit in.

    The sample is the rows with the smallest md5 of ``account_id``, so it is the same on every run and machine, and
    a creator is in it or not whatever the other rows are.
    """
    found = _drawn(frame, max_rows, engine, ["account_id"])
    return None if found is None else found[1]


def sampled(frame: nw.LazyFrame[Any], columns: Sequence[str], *, max_rows: int, engine: Engine) -> nw.LazyFrame[Any]:
    """``account_id``, the place in the source and the given columns of the sample of `key_limit`; ``frame`` where all rows fit in.

    A sample is computed once, with one look at the rows.
    """
    wanted = list(dict.fromkeys(("account_id", *ORDER, *columns)))
    found = _drawn(frame, max_rows, engine, wanted)
    return frame if found is None else found[0].filter(nw.col("sample_key") <= found[1]).select(wanted)


def take(frame: nw.LazyFrame[Any], columns: Sequence[str], *, max_rows: int, engine: Engine) -> pd.DataFrame:
    """``account_id`` and the given columns as pandas, at most ``max_rows`` rows, in source order."""
    ordered = sampled(frame, columns, max_rows=max_rows, engine=engine).sort(*ORDER).select("account_id", *columns)
    taken: pd.DataFrame = ordered.collect("pandas").to_native()
    return taken


def _drawn(
    frame: nw.LazyFrame[Any], max_rows: int, engine: Engine, columns: Sequence[str]
) -> tuple[nw.LazyFrame[Any], str] | None:
    """A few more rows than the sample has, with their ``sample_key``, and its largest key; None where all fit in."""
    rows = frame.select(nw.len().alias("rows")).collect("pyarrow").item(0, "rows")
    if rows <= max_rows:
        return None
    keyed = engine.sample_key(frame.select(columns), "account_id")
    # Keys are spread evenly: that many more than expected are left out by a guess once in a billion times.
    enough = int(_KEYS * min(1.0, (max_rows + 6 * math.sqrt(max_rows) + 20) / rows)) - 1
    for guess in (f"{enough:015x}", "f" * 15):
        few = engine.staged(keyed.filter(nw.col("sample_key") <= guess))
        smallest = few.select("sample_key").sort("sample_key").head(max_rows)
        found = smallest.select(nw.len().alias("rows"), nw.col("sample_key").max().alias("largest")).collect(
            "pyarrow"
        )
        if found.item(0, "rows") == max_rows:
            break
    return few, str(found.item(0, "largest"))
