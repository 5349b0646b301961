"""Finds who is who: one creator behind every handle, and the last snapshot in which the creator was seen.

A creator is its platform id. A row without a usable id belongs to the id that has its handle in the nearest snapshot
with ids, before or after; if there is none, the handle is all that is known. So a handle that passes to another id is
another creator, and the order in which snapshots arrive does not matter.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import narwhals as nw
import pyarrow as pa

from tiktok_pipeline.creators.schema import BY_EARLIER_ID, BY_HANDLE, BY_ID
from tiktok_pipeline.creators.snapshot_days import by_nearness
from tiktok_pipeline.frames import count_rows
from tiktok_pipeline.validated.identity import usable_number
from tiktok_pipeline.warehouse.base import Engine

Rows = nw.LazyFrame[Any]

_NO_TEXT = nw.lit(None).cast(nw.String)


def identify(accounts: Rows, elsewhere: Rows, *, snapshot: str, others: Sequence[str], engine: Engine) -> Rows:
    """Find the creator behind each handle of a snapshot.

    Parameters
    ----------
    accounts : LazyFrame
        ``account_id``, unique, and ``tiktok_id`` as it is stored.
    elsewhere : LazyFrame
        Rows of ``creators.identities`` of other snapshots. Only those with an id of their own count.
    snapshot : str
        The key of the snapshot.
    others : sequence of str
        The keys of the other snapshots.
    engine : Engine
        The engine that holds the frames.

    Returns
    -------
    LazyFrame
        ``account_id``, ``creator_id``, ``identified_by`` and ``identified_in``, stored in the engine.
    """
    number = usable_number(nw.col("tiktok_id")).str.replace_all("^0+", "")
    numbered = engine.persist(accounts.select("account_id", number.alias("number")))
    marked = engine.mark_repeated(numbered, "number", among=numbered)
    is_known = ~nw.col("number").is_null() & ~nw.col("is_repeated")
    marked = engine.persist(marked.select("account_id", "number", is_known.alias("is_known")))
    by_id = marked.filter(nw.col("is_known")).select(
        "account_id",
        nw.col("number").alias("creator_id"),
        nw.lit(BY_ID).alias("identified_by"),
        _NO_TEXT.alias("identified_in"),
    )
    unknown = marked.filter(~nw.col("is_known")).select("account_id")
    if not count_rows(unknown):
        return by_id
    found = _found_elsewhere(unknown, elsewhere, by_id, by_nearness(snapshot, list(others)), engine)
    by_handle = unknown.join(found, on="account_id", how="left").select(
        "account_id",
        nw.coalesce("creator_id", nw.concat_str(nw.lit("@"), nw.col("account_id"))).alias("creator_id"),
        nw.when(nw.col("creator_id").is_null())
        .then(nw.lit(BY_HANDLE))
        .otherwise(nw.lit(BY_EARLIER_ID))
        .alias("identified_by"),
        "identified_in",
    )
    return engine.persist(nw.concat([by_id, by_handle], how="vertical"))


def _found_elsewhere(unknown: Rows, elsewhere: Rows, by_id: Rows, nearest: Sequence[str], engine: Engine) -> Rows:
    """Return the ids that have the handles in the nearest other snapshot, unless somebody else here is that id."""
    order = pa.table(
        {"snapshot": pa.array(nearest, pa.string()), "nearness": pa.array(range(len(nearest)), pa.int64())}
    )
    held = elsewhere.filter(nw.col("identified_by") == BY_ID).select("snapshot", "account_id", "creator_id")
    candidates = held.join(unknown, on="account_id", how="inner").join(engine.persist(order), on="snapshot")
    candidates = engine.persist(candidates)
    nearest_of = candidates.group_by("account_id").agg(nw.col("nearness").min())
    chosen = candidates.join(nearest_of, on=["account_id", "nearness"], how="inner")
    chosen = engine.persist(chosen.join(by_id.select("creator_id"), on="creator_id", how="anti"))
    claimed = chosen.group_by("creator_id").agg(nw.len().alias("claims")).filter(nw.col("claims") == 1)
    alone = chosen.join(claimed.select("creator_id"), on="creator_id", how="inner")
    return engine.persist(alone.select("account_id", "creator_id", nw.col("snapshot").alias("identified_in")))


def add_last_seen(identities: Rows, previous: tuple[str, Rows] | None, older: Rows | None, *, engine: Engine) -> Rows:
    """Add the last snapshot before in which each creator was seen, and the handle there.

    Parameters
    ----------
    identities : LazyFrame
        The result of `identify`.
    previous : (str, LazyFrame), optional
        The nearest earlier snapshot, and its ``account_id`` and ``creator_id``.
    older : LazyFrame, optional
        ``snapshot``, ``account_id`` and ``creator_id`` of the snapshots before that. Only the creators that the
        previous snapshot lacks are looked for, so it is enough to list those.

    Returns
    -------
    LazyFrame
        Rows of ``creators.identities``, stored in the engine.
    """
    if previous is None:
        return identities.with_columns(_NO_TEXT.alias("previous_snapshot"), _NO_TEXT.alias("previous_account_id"))
    key, before = previous
    there = before.select("creator_id", nw.col("account_id").alias("previous_account_id"))
    joined = identities.join(there, on="creator_id", how="left")
    seen = nw.when(~nw.col("previous_account_id").is_null()).then(nw.lit(key)).alias("previous_snapshot")
    linked = engine.persist(joined.with_columns(seen))
    if older is None:
        return linked
    missing = linked.filter(nw.col("previous_snapshot").is_null()).select("account_id", "creator_id")
    last = engine.persist(_last_of(engine.persist(missing), older, engine))
    if not count_rows(last):
        return linked
    unseen = linked.filter(nw.col("previous_snapshot").is_null()).drop("previous_snapshot", "previous_account_id")
    names = linked.collect_schema().names()
    returned = unseen.join(last, on="account_id", how="left").select(names)
    kept = linked.filter(~nw.col("previous_snapshot").is_null())
    return engine.persist(nw.concat([kept, returned], how="vertical"))


def _last_of(missing: Rows, older: Rows, engine: Engine) -> Rows:
    """Return the last of the older snapshots that has each missing creator."""
    rows = older.select(
        nw.col("snapshot").alias("previous_snapshot"),
        nw.col("account_id").alias("previous_account_id"),
        "creator_id",
    )
    seen = engine.persist(rows.join(missing, on="creator_id", how="inner"))
    newest = seen.group_by("account_id").agg(nw.col("previous_snapshot").max())
    return seen.join(newest, on=["account_id", "previous_snapshot"], how="inner").select(
        "account_id", "previous_snapshot", "previous_account_id"
    )


def departed(identities: Rows, previous: tuple[str, Rows]) -> Rows:
    """Return the creators of the previous snapshot that a snapshot lacks: rows of ``creators.departures``.

    The arguments are those of `add_last_seen`.
    """
    key, before = previous
    gone = before.join(identities.select("creator_id"), on="creator_id", how="anti")
    return gone.select("account_id", "creator_id", nw.lit(key).alias("previous_snapshot"))
