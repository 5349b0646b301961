"""Ranks and quantiles of values in a window that moves along the rows, in SQL for DuckDB.

A window of 501 rows is nearly the same as the one of the next row. Ranks are exact for each row. Quantiles cost three
times as much: they are taken at every so many rows and hold for the rows nearest to them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tiktok_pipeline.warehouse.duckdb.tables import quoted

ROWS_AT_ONCE = 500_000
"""Rows that are ranked at once: the windows of so many take about a gigabyte."""

_QUANTILES = {"q01": 0.01, "q50": 0.5, "q99": 0.99}


def placed_query(order_by: Sequence[str]) -> str:
    """Return the SQL that adds ``place``, the number of each of ``rows`` in the order, from 0."""
    order = ", ".join(map(quoted, order_by))
    return f"select *, row_number() over (order by {order}) - 1 as place from rows"


def parts_of(rows: int) -> Iterator[tuple[int, int]]:
    """Yield the first place and the place behind the last of each part; at least one part."""
    for first in range(0, max(rows, 1), ROWS_AT_ONCE):
        yield first, first + ROWS_AT_ONCE


def nearest_query(
    table: str, columns: Sequence[str], *, near: str, reach: int, every: int, part: tuple[int, int]
) -> str:
    """Return the SQL that ranks the rows of one part among the rows near them.

    Parameters
    ----------
    table : str
        The table with the rows and their ``place``.
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
    """
    first, end = part
    ranks = ", ".join(
        f"count({value}) over near as {quoted(f'{name}_known')}, "
        # NULLs come last in both orders, so that they count neither below nor above.
        f"rank(order by {value} asc nulls last) over near - 1 as {quoted(f'{name}_below')}, "
        f"rank(order by {value} desc nulls last) over near - 1 as {quoted(f'{name}_above')}"
        for name in columns
        for value in (quoted(name),)
    )
    values = ", ".join(map(quoted, columns))
    lists = ", ".join(
        f"quantile_cont({quoted(name)}, {list(_QUANTILES.values())}) as {quoted(f'{name}_quantiles')}"
        for name in columns
    )
    quantiles = ", ".join(
        f"{quoted(f'{name}_quantiles')}[{position}] as {quoted(f'{name}_{quantile}')}"
        for name in columns
        for position, quantile in enumerate(_QUANTILES, start=1)
    )
    return f"""
        with around as (
            select * from {table} where place >= {first - 2 * reach} and place < {end + 2 * reach}
        ),
        ranked as (
            select *, (place + {every // 2}) // {every} as stop, count(*) over near as peers,
                first_value({quoted(near)}) over near as peers_from, last_value({quoted(near)}) over near as peers_to,
                {ranks}
            from around
            window near as (order by place rows between {reach} preceding and {reach} following)
        ),
        spread as (
            select {values}, unnest(range(
                greatest(place - {reach - every + 1}, 0) // {every}, (place + {reach}) // {every} + 1
            )) as stop
            from around
        ),
        at_stops as (select stop, {lists} from spread group by stop)
        select ranked.* exclude (place, stop), {quantiles}
        from ranked join at_stops using (stop)
        where place >= {first} and place < {end}
    """
