"""Builds the tables of stage ``creators`` of one snapshot from the snapshots around it, and finds outdated ones."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import pairwise
from typing import Any

import narwhals as nw
import pandas as pd

from tiktok_pipeline.creators.compare import comparison, content_of
from tiktok_pipeline.creators.growth import MEASURES, growth_rows
from tiktok_pipeline.creators.identify import add_last_seen, departed, identify
from tiktok_pipeline.creators.schema import (
    BY_ID,
    COMPARISONS_TABLE,
    DEPARTURES_TABLE,
    GROWTH_TABLE,
    IDENTITIES_TABLE,
)
from tiktok_pipeline.creators.snapshot_days import days_between
from tiktok_pipeline.features.schema import TABLES as FEATURES
from tiktok_pipeline.frames import count_rows, to_pandas
from tiktok_pipeline.raw.schema import PROFILES
from tiktok_pipeline.validated.schema import PROFILES_TABLE
from tiktok_pipeline.warehouse.base import TableSpec, Warehouse

Rows = nw.LazyFrame[Any]


def stored_snapshots(warehouse: Warehouse, table: TableSpec) -> list[str]:
    """Return the snapshots that have rows of a table, oldest first."""
    return sorted({stored.snapshot for stored in warehouse.slices() if stored.table == str(table) and stored.rows})


def identities(warehouse: Warehouse, snapshot: str, profiles: Rows, activity: Rows) -> Rows:
    """Return rows of ``creators.identities`` of a snapshot, stored in the engine.

    Parameters
    ----------
    warehouse : Warehouse
        The warehouse with the other snapshots.
    snapshot : str
        The snapshot.
    profiles, activity : LazyFrame
        Its rows of ``validated.profiles`` and of ``validated.creator_activity``.
    """
    accounts = profiles.select("account_id", "tiktok_id")
    if count_rows(activity):
        others = activity.select("account_id").join(accounts, on="account_id", how="anti")
        accounts = nw.concat(
            [accounts, others.with_columns(nw.lit(None).cast(nw.String).alias("tiktok_id"))], how="vertical"
        )
    stored = stored_snapshots(warehouse, IDENTITIES_TABLE)
    others_keys = [key for key in stored if key != snapshot]
    elsewhere = warehouse.read_snapshots(IDENTITIES_TABLE, others_keys)
    found = identify(accounts, elsewhere, snapshot=snapshot, others=others_keys, engine=warehouse)
    earlier = [key for key in others_keys if key < snapshot]
    previous = (earlier[-1], _identities_of(warehouse, earlier[-1])) if earlier else None
    older = _left_earlier(warehouse, earlier) if len(earlier) > 1 else None
    return add_last_seen(found, previous, older, engine=warehouse)


def _left_earlier(warehouse: Warehouse, earlier: Sequence[str]) -> Rows:
    """Return the last snapshot and handle of each creator that left before the last of some snapshots.

    Who left is listed, so that not every row of every snapshot has to be read. A snapshot whose successor lists the
    departures from another one, as after a snapshot in between was pruned, is read as a whole.
    """
    columns = ("snapshot", "account_id", "creator_id")
    listed = {stored.snapshot for stored in warehouse.slices() if stored.table == str(DEPARTURES_TABLE)}
    compared = warehouse.read_snapshots(COMPARISONS_TABLE, list(earlier)).select("snapshot", "previous_snapshot")
    before = {row["snapshot"]: row["previous_snapshot"] for row in to_pandas(compared).to_dict("records")}
    pairs = list(pairwise(earlier))
    has_list = {pair: pair[1] in listed and before.get(pair[1]) == pair[0] for pair in pairs}
    left = warehouse.read_snapshots(DEPARTURES_TABLE, [key for (_, key), known in has_list.items() if known])
    parts = [left.drop("snapshot").rename({"previous_snapshot": "snapshot"}).select(columns)]
    if unlisted := [key for (key, _), known in has_list.items() if not known]:
        parts.append(warehouse.read_snapshots(IDENTITIES_TABLE, unlisted).select(columns))
    return nw.concat(parts, how="vertical")


def departures(warehouse: Warehouse, snapshot: str, known: Rows) -> Rows | pd.DataFrame:
    """Return rows of ``creators.departures``; none without an earlier snapshot.

    Parameters
    ----------
    warehouse : Warehouse
        The warehouse with the earlier snapshots.
    snapshot : str
        The snapshot.
    known : LazyFrame
        Its rows of ``creators.identities``.
    """
    earlier = [key for key in stored_snapshots(warehouse, IDENTITIES_TABLE) if key < snapshot]
    if not earlier:
        return pd.DataFrame(columns=DEPARTURES_TABLE.frame_names)
    return departed(known, (earlier[-1], _identities_of(warehouse, earlier[-1])))


def growth(warehouse: Warehouse, snapshot: str, known: Rows, profiles: Rows) -> Rows | pd.DataFrame:
    """Return rows of ``creators.growth``; none if no creator was seen before.

    Parameters
    ----------
    warehouse : Warehouse
        The warehouse with the earlier snapshots.
    snapshot : str
        The snapshot.
    known, profiles : LazyFrame
        Its rows of ``creators.identities`` and of ``validated.profiles``.
    """
    seen = known.filter(~nw.col("previous_snapshot").is_null())
    keys = sorted(seen.select("previous_snapshot").unique().collect("pyarrow")["previous_snapshot"].to_list())
    if not keys:
        return pd.DataFrame(columns=GROWTH_TABLE.frame_names)
    now = seen.join(profiles.select("account_id", *MEASURES), on="account_id", how="inner")
    tiers = warehouse.read_snapshots(FEATURES[PROFILES.name], keys).select("snapshot", "account_id", "follower_tier")
    before = warehouse.read_snapshots(PROFILES_TABLE, keys).select("snapshot", "account_id", *MEASURES)
    days = {key: days_between(key, snapshot) for key in keys}
    rows = growth_rows(now, before.join(tiers, on=["snapshot", "account_id"], how="inner"), days, warehouse)
    return rows.sort("account_id")  # who reads one creator reads one block


def compare_creators(warehouse: Warehouse, snapshot: str, known: Rows, profiles: Rows) -> pd.DataFrame:
    """Return the row of ``creators.comparisons``; the arguments are those of `growth`.

    An activity file has rows of accounts of its own. They are not counted beside profiles, else every activity file
    would bring creators that came.
    """
    earlier = [key for key in stored_snapshots(warehouse, IDENTITIES_TABLE) if key < snapshot]
    previous = earlier[-1] if earlier else None
    before = None
    if previous:
        profiles_before = warehouse.read_slice(PROFILES_TABLE, {"snapshot": previous})
        before = _of_profiles(_identities_of(warehouse, previous), profiles_before)
    return comparison(
        _of_profiles(known, profiles),
        snapshot=snapshot,
        previous=previous,
        before=before,
        contents=contents(warehouse),
        own=content_of(known, profiles, warehouse),
    )


def _of_profiles(identities: Rows, profiles: Rows) -> Rows:
    """Return the identities of the profiles; all of them if the snapshot has no profile."""
    if not count_rows(profiles):
        return identities
    return identities.join(profiles.select("account_id"), on="account_id", how="semi")


def contents(warehouse: Warehouse) -> dict[str, str]:
    """Return the content of each snapshot that was compared, see `tiktok_pipeline.creators.compare.content_of`."""
    keys = stored_snapshots(warehouse, COMPARISONS_TABLE)
    rows = to_pandas(warehouse.read_snapshots(COMPARISONS_TABLE, keys).select("snapshot", "content"))
    return {row["snapshot"]: row["content"] for row in rows.to_dict("records")}


def outdated_comparisons(warehouse: Warehouse, changed: Collection[str]) -> list[str]:
    """Return the snapshots whose tables of stage ``creators`` have to be computed again, oldest first.

    That is so if a snapshot that arrived late, or was computed anew, shows a creator later than the one that the
    tables compare with, has other figures there, or has the id of a handle that the tables know without one. A
    snapshot that was pruned makes nothing outdated.

    Parameters
    ----------
    warehouse : Warehouse
        The warehouse.
    changed : collection of str
        The snapshots that were computed.
    """
    keys = stored_snapshots(warehouse, COMPARISONS_TABLE)
    rows = (
        warehouse.read_snapshots(COMPARISONS_TABLE, keys).sort("snapshot").collect("pyarrow").to_native().to_pylist()
    )
    now = {row["snapshot"]: row["content"] for row in rows}
    outdated = []
    for row in rows:
        snapshot = row["snapshot"]
        others = [other for other in changed if other in now and other != snapshot]
        earlier = [other for other in others if other < snapshot]
        nearest = max((other for other in keys if other < snapshot), default="")
        if (
            (nearest in changed and nearest > (row["previous_snapshot"] or ""))
            or _has_other_content(row["compared_with"], now)
            or (earlier and _is_seen_later(warehouse, snapshot, earlier))
            or (row["without_id"] and others and _is_known_now(warehouse, snapshot, keys))
        ):
            outdated.append(snapshot)
    return outdated


def _has_other_content(compared_with: Sequence[str], now: Mapping[str, str]) -> bool:
    pairs = (entry.split(" ") for entry in compared_with)
    return any(key in now and now[key] != content for key, content in pairs)


def _is_seen_later(warehouse: Warehouse, snapshot: str, earlier: Sequence[str]) -> bool:
    """Return whether one of the earlier snapshots shows a creator later than where it was last seen."""
    own = _identities_of(warehouse, snapshot).select("creator_id", "previous_snapshot")
    shown = warehouse.read_snapshots(IDENTITIES_TABLE, earlier).select("snapshot", "creator_id")
    both = shown.join(own, on="creator_id", how="inner")
    is_later = nw.col("previous_snapshot").is_null() | (nw.col("previous_snapshot") < nw.col("snapshot"))
    return count_rows(both.filter(is_later)) > 0


def _is_known_now(warehouse: Warehouse, snapshot: str, keys: Sequence[str]) -> bool:
    """Return whether a row without an id belongs to another creator than it was given to."""
    others = [key for key in keys if key != snapshot]
    own = _identities_of(warehouse, snapshot)
    is_known = nw.col("identified_by") == BY_ID
    accounts = own.with_columns(nw.when(is_known).then(nw.col("creator_id")).alias("tiktok_id"))
    elsewhere = warehouse.read_snapshots(IDENTITIES_TABLE, others)
    found = identify(accounts, elsewhere, snapshot=snapshot, others=others, engine=warehouse)
    old = own.filter(~is_known).select("account_id", nw.col("creator_id").alias("old_id"), "identified_in")
    renewed = found.filter(~nw.col("identified_by").is_in([BY_ID])).select("account_id", "creator_id")
    is_other = nw.col("creator_id") != nw.col("old_id")
    # An id that came from a snapshot which was pruned stays.
    was_pruned = ~nw.col("identified_in").is_null() & ~nw.col("identified_in").is_in(others)
    return count_rows(old.join(renewed, on="account_id", how="inner").filter(is_other & ~was_pruned)) > 0


def _identities_of(warehouse: Warehouse, snapshot: str) -> Rows:
    return warehouse.read_slice(IDENTITIES_TABLE, {"snapshot": snapshot})
