"""What truly happened to the invented creators, so that tests can score what the pipeline finds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tiktok_pipeline.sample import texts
from tiktok_pipeline.sample.creators import Block, Floats, Integers, block_count, only
from tiktok_pipeline.sample.flaws import draw_flaws, flaw_names
from tiktok_pipeline.sample.rows import PUBLIC, Recipe, observed_days
from tiktok_pipeline.sample.times import DAYS_BETWEEN, snapshot_day

SCHEMA = pa.schema(
    [
        ("snapshot", pa.string()),
        ("creator", pa.int64()),
        ("presence", pa.string()),
        ("course", pa.string()),
        ("is_renamed", pa.bool_()),
        ("tiktok_id", pa.string()),
        ("handle", pa.string()),
        ("handle_before", pa.string()),
        ("observed_on", pa.string()),
        ("days", pa.int64()),
        ("followers", pa.int64()),
        ("followers_before", pa.int64()),
        ("growth_30_days", pa.float64()),
        ("following", pa.int64()),
        ("likes", pa.int64()),
        ("videos_count", pa.int64()),
        ("flaw", pa.string()),
    ]
)
"""The columns of the truth; see `truth_table`."""

PRESENT, JOINED, LEFT = "present", "joined", "left"
GREW, STALLED, SHRANK, JUMPED = "grew", "stalled", "shrank", "jumped"
STALLED_BELOW = 0.002
"""Growth in 30 days, up or down, below which a creator stalls."""


def truth_table(*, profiles: int, snapshots: int, random_state: int) -> pa.Table:
    """Return the true path of each creator; the arguments are those of `write_sample`.

    There is one row for each creator and snapshot, in order, and one more for the snapshot that a creator is first
    missing in. All is of the creator, not of what a flaw of the file made of it.

    Returns
    -------
    pyarrow.Table
        ``snapshot`` is its key. ``presence`` is present, joined (not in the first snapshot, in which everybody is
        present) or left; a row with left has no numbers and no ``handle``. The other columns with ``_before``,
        ``days``, ``growth_30_days`` and ``course`` compare with the snapshot before and are empty in a creator's
        first. ``days`` lie between both observations, ``growth_30_days`` is
        (followers / followers_before)^(30 / days) - 1. ``course`` is jumped if the followers multiplied at once, else
        stalled (less than 0.2 % in 30 days, up or down), grew or shrank. ``flaw`` says what is wrong with the row in
        the file.

    Examples
    --------
    >>> truth = truth_table(profiles=40, snapshots=2, random_state=9)
    >>> [truth.column("presence").to_pylist().count(presence) for presence in ("present", "joined", "left")]
    [78, 2, 2]
    """
    parts = list(truth_parts(profiles=profiles, snapshots=snapshots, random_state=random_state))
    return pa.concat_tables(parts)


def truth_parts(*, profiles: int, snapshots: int, random_state: int) -> Iterator[pa.Table]:
    """Yield the rows of `truth_table` part by part: of one snapshot and block at a time."""
    for snapshot in range(snapshots):
        recipe = Recipe(profiles, snapshot, random_state, top_videos=1, dialect=PUBLIC)
        for place in range(block_count(profiles=profiles, snapshot=snapshot)):
            yield _part(recipe, place)


@dataclass(frozen=True)
class _Pairing:
    """Where each creator of a block is in the snapshot before; the first one where it is not, see ``is_known``."""

    block: Block
    place: NDArray[np.int64]
    is_known: NDArray[np.bool_]

    def text(self, column: pa.Array) -> pa.Array:
        return pc.if_else(pa.array(self.is_known), column.take(pa.array(self.place)), None)

    def number(self, column: Integers) -> pa.Array:
        return pa.array(column[self.place], mask=~self.is_known)


def _part(recipe: Recipe, place: int) -> pa.Table:
    block = recipe.block(place)
    flaw = draw_flaws(len(block.number), recipe.flaw_draws(place))
    handle = texts.handles(block.number, block.handle_version)
    columns = {
        "creator": pa.array(block.number),
        "presence": pc.if_else(pa.array((block.joined == recipe.snapshot) & (recipe.snapshot > 0)), JOINED, PRESENT),
        "tiktok_id": texts.account_numbers(block.number, block.created),
        "handle": handle,
        "observed_on": observed_days(recipe.snapshot, block),
        "followers": pa.array(block.followers),
        "following": pa.array(block.following),
        "likes": pa.array(block.likes),
        "videos_count": pa.array(block.videos_count),
        "flaw": flaw_names(flaw),
    }
    if recipe.snapshot == 0:
        return _as_rows(recipe, columns)
    before = recipe.at(recipe.snapshot - 1).block(place)
    there = _as_rows(recipe, {**columns, **_compared(block, before)})
    return pa.concat_tables([there, _as_rows(recipe, _departed(block, before))]).sort_by("creator")


def _compared(block: Block, before: Block) -> dict[str, pa.Array]:
    """Return the columns that compare the creators of a block with the snapshot before."""
    known = np.isin(block.number, before.number)
    place = np.searchsorted(before.number, block.number) * known
    if not len(before.number):
        return {}
    pairing = _Pairing(before, place, known)
    days = DAYS_BETWEEN + before.age_days[place] - block.age_days
    factor = block.followers / before.followers[place]
    growth = factor ** (30.0 / days) - 1.0
    handles_before = texts.handles(before.number, before.handle_version)
    return {
        "handle_before": pairing.text(handles_before),
        "is_renamed": pa.array(block.handle_version != before.handle_version[place], mask=~known),
        "days": pa.array(days, mask=~known),
        "followers_before": pairing.number(before.followers),
        "growth_30_days": pa.array(growth, mask=~known),
        "course": pc.if_else(pa.array(known), _course(growth, block.has_jumped), None),
    }


def _course(growth: Floats, has_jumped: NDArray[np.bool_]) -> pa.Array:
    moved = np.where(growth > 0, GREW, SHRANK)
    steady = np.where(np.abs(growth) < STALLED_BELOW, STALLED, moved)
    return pa.array(np.where(has_jumped, JUMPED, steady))


def _departed(block: Block, before: Block) -> dict[str, pa.Array]:
    """Return the columns of the creators that were in the snapshot before and are in this one no more."""
    gone = only(before, ~np.isin(before.number, block.number))
    return {
        "creator": pa.array(gone.number),
        "presence": pa.repeat(pa.scalar(LEFT), len(gone.number)),
        "tiktok_id": texts.account_numbers(gone.number, gone.created),
        "handle_before": texts.handles(gone.number, gone.handle_version),
        "followers_before": pa.array(gone.followers),
    }


def _as_rows(recipe: Recipe, columns: dict[str, pa.Array]) -> pa.Table:
    rows = len(columns["creator"])
    filled = {
        field.name: columns.get(field.name, pa.nulls(rows, field.type))
        for field in SCHEMA
        if field.name != "snapshot"
    }
    key = pa.repeat(pa.scalar(str(snapshot_day(recipe.snapshot))), rows)
    return pa.table({"snapshot": key, **filled}, schema=SCHEMA)
