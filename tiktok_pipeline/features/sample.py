"""Takes a bounded, deterministic part of a large frame into memory: the only way out of the engine for many rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import narwhals as nw
import pandas as pd

from tiktok_pipeline.warehouse.base import Engine

ORDER = ("source_file", "source_row")
"""Source order: with it a fit with one seed is the same every time."""


def key_limit(frame: nw.LazyFrame[Any], max_rows: int, engine: Engine) -> int | None:
    """The largest ``sample_key`` of the deterministic sample of ``max_rows``; None where all rows fit in.

    The sample is the rows with the smallest md5 of ``account_id``, so it is the same on every run and machine, and
    a creator is in it or not whatever the other rows are.
    """
    rows = frame.select(nw.len().alias("rows")).collect("pyarrow").item(0, "rows")
    if rows <= max_rows:
        return None
    keys = engine.sample_key(frame.select("account_id"), "account_id").select("sample_key")
    return int(keys.sort("sample_key").head(max_rows).select(nw.col("sample_key").max()).collect("pyarrow").item())


def take(frame: nw.LazyFrame[Any], columns: Sequence[str], *, max_rows: int, engine: Engine) -> pd.DataFrame:
    """``account_id`` and the given columns as pandas, at most ``max_rows`` rows, in source order."""
    limit = key_limit(frame, max_rows, engine)
    if limit is not None:
        frame = engine.sample_key(frame, "account_id").filter(nw.col("sample_key") <= limit)
    ordered = frame.sort(*ORDER).select("account_id", *columns)
    taken: pd.DataFrame = ordered.collect("pandas").to_native()
    return taken
