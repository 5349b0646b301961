"""Ranks and quantiles of values among the nearest rows: DuckDB keeps the rows, NumPy ranks a part of them at a time.

A window of 501 rows is nearly the same as the one of the next row. Ranks are exact for each row. Quantiles are taken
at every so many rows and hold for the rows nearest to them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from tiktok_pipeline.warehouse.duckdb.tables import quoted

if TYPE_CHECKING:
    import pyarrow as pa

ROWS_AT_ONCE = 250_000
"""Rows that are ranked at once; with their ranks they take some 100 MB."""

_QUANTILES = {"q01": 0.01, "q50": 0.5, "q99": 0.99}


def placed_query(order_by: Sequence[str]) -> str:
    """Return the SQL that adds ``place``, the number of each of ``rows`` in the order, from 0."""
    order = ", ".join(map(quoted, order_by))
    return f"select *, row_number() over (order by {order}) - 1 as place from rows"


def parts_of(rows: int) -> Iterator[tuple[int, int]]:
    """Yield the first place and the place behind the last of each part; at least one part."""
    for first in range(0, max(rows, 1), ROWS_AT_ONCE):
        yield first, min(first + ROWS_AT_ONCE, rows)


def around_query(part: tuple[int, int], *, reach: int) -> str:
    """Return the SQL that reads the rows of a part, and those that their windows reach, from ``rows`` in order."""
    first, end = part
    return f"select * from rows where place >= {first - 2 * reach} and place < {end + 2 * reach} order by place"


def rank_part(
    around: pa.Table, columns: Sequence[str], *, near: str, reach: int, every: int, part: tuple[int, int]
) -> pa.Table:
    """Rank the rows of one part among the rows near them.

    Parameters
    ----------
    around : pyarrow.Table
        The rows of `around_query`, with their ``place``.
    columns : sequence of str
        The columns with the values to rank.
    near : str
        The column whose values at the ends of the window are returned.
    reach : int
        Rows of the window on each side.
    every : int
        The quantiles are those of the window around the nearest place that ``every`` divides.
    part : tuple of int
        The first place, and the place behind the last.

    Returns
    -------
    pyarrow.Table
        The rows of the part with the columns of `tiktok_pipeline.warehouse.engine.Engine.rank_among_nearest`.
    """
    import numpy as np  # noqa: PLC0415 - `tiktok-pipeline sql` does without it
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.compute as pc  # noqa: PLC0415

    from tiktok_pipeline.warehouse.moving_windows import quantiles_in_windows, rank_in_windows  # noqa: PLC0415

    offset = around["place"][0].as_py() if len(around) else 0
    first, end = (place - offset for place in part)
    ranked = around.slice(first, end - first).drop_columns(["place"])
    rows = np.arange(first, end)
    low, high = np.maximum(rows - reach, 0), np.minimum(rows + reach, len(around) - 1)
    ranked = ranked.append_column("peers", pa.array(high - low + 1))
    ranked = ranked.append_column("peers_from", around[near].take(pa.array(low)))
    ranked = ranked.append_column("peers_to", around[near].take(pa.array(high)))
    stops, stop_of_row = np.unique((rows + offset + every // 2) // every, return_inverse=True)
    ranks: dict[str, pa.Array] = {}
    quantiles: dict[str, pa.Array] = {}
    for column in columns:
        values = pc.cast(around[column], pa.float64()).to_numpy()
        found = rank_in_windows(values, first, end, reach=reach)
        ranks |= {f"{column}_{name}": pa.array(counts) for name, counts in vars(found).items()}
        at_stops = quantiles_in_windows(values, stops * every - offset, list(_QUANTILES.values()), reach=reach)
        for name, quantile in zip(_QUANTILES, at_stops.T, strict=True):
            quantiles[f"{column}_{name}"] = pa.array(quantile[stop_of_row], from_pandas=True)
    for name, added in {**ranks, **quantiles}.items():
        ranked = ranked.append_column(name, added)
    return ranked
