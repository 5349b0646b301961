"""Rows of one creator in a snapshot: the newest stays, the others are superseded.

A creator is recognized by the handle and by the platform's id, where the id is a real one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import narwhals as nw

from tiktok_pipeline.frames import count_rows
from tiktok_pipeline.raw.schema import (
    MAYBE_UNDER_AGE_RECORD,
    NO_PROFILE_RECORD,
    OTHER_PLATFORM_RECORD,
    UNDER_AGE_RECORD,
)
from tiktok_pipeline.validated.identity import MOST_HANDLES, usable_number
from tiktok_pipeline.warehouse.base import Engine

POSITION = ["source_file", "source_row"]
DUPLICATE = "account_id: an older or earlier duplicate of the row that is kept for this account"
RENAMED = "tiktok_id: a duplicate of the row that is kept for this account under another handle"
REPEATED_VIDEO = "video_id: an earlier duplicate of the row that is kept for this video"
SUPERSEDED = (DUPLICATE, RENAMED, REPEATED_VIDEO)
"""The reasons of rows that are not bad: another row of the same creator or video is kept."""

UNDER_AGE = UNDER_AGE_RECORD
NOTHING_IS_KEPT = (MAYBE_UNDER_AGE_RECORD, UNDER_AGE)
"""The reasons of rows of which nothing is kept; the later one has precedence."""

MOST_RENAMED, MOST_RENAMED_SHARE = 5, 0.2
"""If more ids than this number, and than this share, have several handles, the ids of the snapshot are not those of
the platform: so many creators do not change their names at once.
"""


def mark_duplicates(
    checked: nw.LazyFrame[Any], engine: Engine, *, count_ids: Callable[[], int] | None = None
) -> nw.LazyFrame[Any]:
    """Mark all but one of the valid rows of a creator as duplicates of the row that stays.

    The row observed last stays, then the row delivered last. No row stays if any row of the creator is of a person
    under age. Only creators that occur more than once are sorted, because a window over all rows would spill to disk.

    Parameters
    ----------
    checked : LazyFrame
        Rows with ``account_id``, their position and ``problems``; ``tiktok_id`` and ``observed_on`` if the source has
        them.
    engine : Engine
        The engine that the frame lives in.
    count_ids : callable, optional
        Return the number of different ids in the snapshot, if ``checked`` is a part of it.

    Returns
    -------
    LazyFrame
        The same rows; ``problems`` of a superseded row is one of `SUPERSEDED`.
    """
    names = checked.collect_schema().names()
    order = [name for name in ("observed_on", *POSITION) if name in names]
    keys = {"account_id": DUPLICATE}
    # Each step is stored: the engine would evaluate a frame again wherever a later step refers to it.
    decided = engine.persist(checked.select("account_id", "problems", *order, *{"tiktok_id"} & set(names)))
    if "tiktok_id" in names:
        keys["number"] = RENAMED
        decided = _add_number(decided, engine, count_ids)
    for key, reason in keys.items():
        decided = engine.persist(_mark_older(decided, key, order, reason))
    # Once more at the end: a row that shares the number may have another handle, which other rows share.
    for key in (*keys, *list(keys)[: len(keys) - 1]):
        decided = engine.persist(_mark_under_age(decided, key))
    return checked.drop("problems").join(decided.select(*POSITION, "problems"), on=POSITION, how="left")


def is_harmless() -> nw.Expr:
    """Return whether a row of ``validated.rejected`` is not a bad one: it is superseded, or no profile at all."""
    first = nw.col("reasons").list.get(0)
    is_one_of = nw.any_horizontal(
        *(first == nw.lit(reason) for reason in (*SUPERSEDED, NO_PROFILE_RECORD, OTHER_PLATFORM_RECORD)),
        ignore_nulls=True,
    )
    return (nw.col("reasons").list.len() == 1) & is_one_of


def _add_number(checked: nw.LazyFrame[Any], engine: Engine, count_ids: Callable[[], int] | None) -> nw.LazyFrame[Any]:
    """Add ``number``: the id where it can identify an account, else NULL."""
    numbered = engine.persist(checked.with_columns(usable_number(nw.col("tiktok_id")).alias("number")))
    pairs = numbered.filter(~nw.col("number").is_null()).select("number", "account_id").unique()
    shared = pairs.group_by("number").agg(nw.len().alias("handles")).filter(nw.col("handles") > 1)
    shared = engine.persist(shared)
    n_shared = count_rows(shared)
    if n_shared > MOST_RENAMED and n_shared > MOST_RENAMED_SHARE * (count_ids() if count_ids else n_shared):
        return engine.persist(numbered.with_columns(nw.lit(None).cast(nw.String).alias("number")))
    placeholders = shared.filter(nw.col("handles") > MOST_HANDLES).select("number", is_placeholder=nw.lit(True))
    joined = numbered.join(placeholders, on="number", how="left")
    number = nw.when(nw.col("is_placeholder").is_null()).then(nw.col("number"))
    return engine.persist(joined.with_columns(number.alias("number")).drop("is_placeholder"))


def _mark_older(checked: nw.LazyFrame[Any], key: str, order: Sequence[str], reason: str) -> nw.LazyFrame[Any]:
    """Give ``reason`` to the valid rows that are not the newest of their ``key``."""
    valid = checked.filter((nw.col("problems") == "") & ~nw.col(key).is_null()).select(key, *order)
    repeated = valid.group_by(key).agg(nw.len().alias("rows")).filter(nw.col("rows") > 1)
    rank = nw.col("source_row").cum_count(reverse=True).over(key, order_by=list(order))
    ranked = valid.join(repeated.select(key), on=key, how="inner").with_columns(rank.alias("rank"))
    older = ranked.filter(nw.col("rank") > 1).select(*POSITION, nw.lit(reason).alias("duplicate"))
    marked = checked.join(older, on=POSITION, how="left")
    problem = nw.when(~nw.col("duplicate").is_null()).then(nw.col("duplicate")).otherwise(nw.col("problems"))
    return marked.with_columns(problem.alias("problems")).drop("duplicate")


def _mark_under_age(checked: nw.LazyFrame[Any], key: str) -> nw.LazyFrame[Any]:
    """Give the reason of a person who is, or may be, under age to every other row of the person."""
    problems = nw.col("problems")
    marked = checked
    for reason in NOTHING_IS_KEPT:
        under_age = checked.filter((problems == reason) & ~nw.col(key).is_null())
        flagged = under_age.select(key, nw.lit(reason).alias("minor")).unique()
        problem = nw.when(~nw.col("minor").is_null() & (problems != UNDER_AGE)).then(nw.col("minor"))
        marked = marked.join(flagged, on=key, how="left").with_columns(problem.otherwise(problems).alias("problems"))
        marked = marked.drop("minor")
    return marked
