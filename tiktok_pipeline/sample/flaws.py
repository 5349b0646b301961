"""Flaws of real files, put into a small share of the rows.

Two of them (12K, 12,345) are readable: a reader that rejects such rows is wrong.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

FLAWED_SHARE = 0.012
REPEATED_SHARE = 0.002

Flaw = tuple[str, str, Callable[[pa.Array], pa.Array]]


def _constant(text: str) -> Callable[[pa.Array], pa.Array]:
    return lambda column: pa.array([text] * len(column), pa.string())


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
    ("negative followers", "followers", _negative),
    ("followers n/a", "followers", _constant("n/a")),
    ("followers in thousands", "followers", _short),
    ("likes with a comma", "likes", _grouped),
    ("likes out of range", "likes", _constant("12345678901234567890")),
    ("no such day", "timestamp", _constant("2024-02-31")),
    ("no handle", "account_id", _constant("")),
    ("negative rate", "like_engagement_rate", _negative),
    ("verified maybe", "is_verified", _constant("maybe")),
    ("no videos count", "videos_count", _constant("")),
)
"""What is wrong, the column that is changed, and the change."""

NO_FLAW = len(FLAWS)


def draw_flaws(rows: int, draws: np.random.Generator) -> NDArray[np.int64]:
    """Return the place of the flaw of each row in `FLAWS`; `NO_FLAW` for most."""
    flaw = draws.integers(0, len(FLAWS), rows)
    return np.where(draws.random(rows) < FLAWED_SHARE, flaw, NO_FLAW)


def flaw_names(flaw: NDArray[np.int64]) -> pa.Array:
    """Return what is wrong with each row in words; null for most."""
    return pa.array([*(name for name, _, _ in FLAWS), None], pa.string()).take(pa.array(flaw))


def spoil(table: pa.Table, flaw: NDArray[np.int64]) -> pa.Table:
    """Put the flaws of `draw_flaws` into the rows of a table of texts."""
    for place, (_, name, change) in enumerate(FLAWS):
        column = table.column(name).combine_chunks()
        is_flawed = pa.array(flaw == place)
        spoiled = pc.replace_with_mask(column, is_flawed, change(column.filter(is_flawed)))
        table = table.set_column(table.schema.get_field_index(name), name, spoiled)
    return table


def repeats(table: pa.Table, draws: np.random.Generator, *, older: str) -> pa.Table:
    """Return a few rows of the table again, with the observation date ``older``."""
    chosen = np.flatnonzero(draws.random(len(table)) < REPEATED_SHARE)
    again = table.take(pa.array(chosen))
    return again.set_column(0, "timestamp", pa.array([older] * len(again), pa.string()))
