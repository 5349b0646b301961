"""Small results of lazy frames: a row count, one row, a small table as pandas."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import narwhals as nw

if TYPE_CHECKING:
    import pandas as pd


def count_rows(frame: nw.LazyFrame[Any]) -> int:
    """Return the number of rows; the engine counts them."""
    return int(frame.select(nw.len().alias("rows")).collect("pyarrow").item(0, "rows"))


def fetch_row(frame: nw.LazyFrame[Any]) -> dict[str, Any]:
    """Return the single row of a query of aggregates."""
    row: dict[str, Any] = frame.collect("pyarrow").to_native().to_pylist()[0]
    return row


def to_pandas(frame: nw.LazyFrame[Any]) -> pd.DataFrame:
    """Return a small frame as pandas. Never call it on a table of profiles without a bound on its rows."""
    collected: pd.DataFrame = frame.collect("pandas").to_native()
    return collected
