"""Flaws of real files, put into a small share of the rows.

Two of them (12K, 12,345) are readable: a reader that rejects such rows is wrong.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

FLAWED_SHARE = 0.012

Flaw = tuple[str, Callable[[pa.Array], pa.Array]]


def _constant(text: str) -> Callable[[pa.Array], pa.Array]:
    return lambda column: pa.array([text] * len(column))


def _short(column: pa.Array) -> pa.Array:
    """12345 -> 12K; counts below a thousand stay."""
    thousands = pc.binary_join_element_wise(pc.utf8_slice_codeunits(column, 0, -3), "K", "")
    return pc.if_else(pc.greater(pc.utf8_length(column), 3), thousands, column)


def _grouped(column: pa.Array) -> pa.Array:
    """12345 -> 12,345; only counts that need one comma."""
    head, tail = pc.utf8_slice_codeunits(column, 0, -3), pc.utf8_slice_codeunits(column, -3)
    fits = pc.and_(pc.greater(pc.utf8_length(column), 3), pc.less(pc.utf8_length(column), 7))
    return pc.if_else(fits, pc.binary_join_element_wise(head, tail, ","), column)


def _negative(column: pa.Array) -> pa.Array:
    return pc.binary_join_element_wise("-", column, "")


FLAWS: tuple[Flaw, ...] = (
    ("followers", _negative),
    ("followers", _constant("n/a")),
    ("followers", _short),
    ("likes", _grouped),
    ("likes", _constant("12345678901234567890")),
    ("timestamp", _constant("2024-02-31")),
    ("account_id", _constant("")),
    ("like_engagement_rate", _negative),
    ("is_verified", _constant("maybe")),
    ("videos_count", _constant("")),
)
"""The column that is changed, and the change."""


def spoil(table: pa.Table, draws: np.random.Generator) -> pa.Table:
    """Put one flaw into each of a small share of the rows of a table of texts."""
    flaw = draws.integers(0, len(FLAWS), len(table))
    is_flawed = draws.random(len(table)) < FLAWED_SHARE
    for place, (name, change) in enumerate(FLAWS):
        column = table.column(name).combine_chunks()
        spoiled = pc.if_else(pa.array(is_flawed & (flaw == place)), change(column), column)
        table = table.set_column(table.schema.get_field_index(name), name, spoiled)
    return table


def repeats(table: pa.Table, draws: np.random.Generator, *, older: str) -> pa.Table:
    """Return a few rows of the table again, with the observation date ``older``."""
    chosen = np.flatnonzero(draws.random(len(table)) < 0.002)
    again = table.take(pa.array(chosen))
    return again.set_column(0, "timestamp", pa.array([older] * len(again), pa.string()))
