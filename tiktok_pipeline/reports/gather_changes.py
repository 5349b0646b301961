"""Read what changed since the snapshot before: a few short lists, chosen in the engine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import narwhals as nw
import pandas as pd

from tiktok_pipeline.creators.figures import SMALLEST_GAIN
from tiktok_pipeline.frames import to_pandas
from tiktok_pipeline.reports.snapshot_reader import SnapshotReader
from tiktok_pipeline.reports.snapshot_tables import ChangesTables
from tiktok_pipeline.study import Study

LISTED = 5
"""Creators of each list."""

FASTEST_PER_TIER = 2
MOST_SNAPSHOTS = 6
"""Snapshots of the table of shares."""


def gather_changes(
    reader: SnapshotReader, studies: Sequence[Study], *, planned: str | None, min_followers: float = 0.0
) -> ChangesTables:
    """Read what changed.

    Parameters
    ----------
    reader : SnapshotReader
        Reads the snapshot.
    studies : sequence of Study
        The studies of the report.
    planned : str, optional
        The study whose shares are followed.
    min_followers : float
        Fewest followers of a creator among the fastest growing ones.
    """
    comparison = reader.frame("creators.comparisons")
    previous = next((key for key in comparison["previous_snapshot"] if isinstance(key, str)), None)
    if previous is None:
        return ChangesTables(comparison=comparison)
    before = SnapshotReader(reader.warehouse, previous)
    names = [study.name for study in studies if study.segmentation is not None]
    return ChangesTables(
        comparison=comparison,
        fastest=_fastest(reader, min_followers),
        unusual=_unusual(reader),
        arrivals=_largest(reader, without=before),
        departures=_largest(before, without=reader),
        renamed=_renamed(reader),
        drift=reader.frame("features.drift"),
        migrations=_of_studies(reader, "personas.migrations", names),
        lifecycle=_of_studies(reader, "personas.lifecycle", names),
        shares=_shares(reader, planned) if planned else pd.DataFrame(),
    )


def _profiles(reader: SnapshotReader) -> nw.LazyFrame[Any]:
    return reader.lazy("validated.profiles").select("account_id", "nickname", "followers")


def _fastest(reader: SnapshotReader, min_followers: float) -> pd.DataFrame:
    large = _profiles(reader).filter(nw.col("followers") >= min_followers).select("account_id")
    growth = reader.lazy("creators.growth").join(large, on="account_id", how="semi")
    tiers = (
        growth.select("previous_tier").unique().sort("previous_tier").collect("pyarrow")["previous_tier"].to_list()
    )
    columns = ("previous_tier", "account_id", "followers_gained", "growth_30_days")
    grew = growth.filter((nw.col("followers_gained") >= SMALLEST_GAIN) & ~nw.col("growth_30_days").is_null())
    best = [
        grew.filter(nw.col("previous_tier") == tier)
        .sort("growth_30_days", "account_id", descending=[True, False])
        .head(FASTEST_PER_TIER)
        .select(columns)
        for tier in tiers
    ]
    if not best:
        return pd.DataFrame()
    listed = to_pandas(
        reader.warehouse.persist(nw.concat(best, how="vertical")).join(_profiles(reader), on="account_id")
    )
    smallest = (listed["followers"] - listed["followers_gained"]).groupby(listed["previous_tier"]).transform("min")
    ordered = listed.assign(smallest=smallest).sort_values(
        ["smallest", "growth_30_days", "account_id"], ascending=[True, False, True]
    )
    return ordered.drop(columns="smallest").reset_index(drop=True)


def _unusual(reader: SnapshotReader) -> pd.DataFrame:
    """Return the largest creators with flags."""
    flagged = reader.lazy("creators.growth").filter(~nw.col("flags").is_null()).select("account_id", "flags")
    return _by_followers(flagged.join(_profiles(reader), on="account_id"))


def _largest(reader: SnapshotReader, *, without: SnapshotReader) -> pd.DataFrame:
    """Return the largest creators of a snapshot that the other lacks."""
    others = without.lazy("creators.identities").select("creator_id")
    only = (
        reader.lazy("creators.identities")
        .select("account_id", "creator_id")
        .join(others, on="creator_id", how="anti")
    )
    joined = only.join(_profiles(reader), on="account_id")
    return _by_followers(joined).drop(columns="creator_id")


def _renamed(reader: SnapshotReader) -> pd.DataFrame:
    identities = reader.lazy("creators.identities")
    renamed = identities.filter(nw.col("previous_account_id") != nw.col("account_id"))
    joined = renamed.select("previous_account_id", "account_id").join(_profiles(reader), on="account_id")
    return _by_followers(joined)


def _by_followers(creators: nw.LazyFrame[Any]) -> pd.DataFrame:
    largest = to_pandas(creators.sort("followers", "account_id", descending=[True, False]).head(LISTED))
    return largest.sort_values(["followers", "account_id"], ascending=[False, True], ignore_index=True)


def _of_studies(reader: SnapshotReader, table: str, names: Sequence[str]) -> pd.DataFrame:
    frames = [frame.assign(study=name) for name in names if len(frame := reader.frame(table, name))]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()


def _shares(reader: SnapshotReader, study: str) -> pd.DataFrame:
    """Return the share of each segment in the last snapshots up to this one."""
    keys = sorted(
        stored.snapshot
        for stored in reader.warehouse.slices()
        if (stored.table, stored.study) == ("personas.summaries", study)
        and stored.snapshot <= reader.snapshot
        and stored.rows
    )
    frames = [
        SnapshotReader(reader.warehouse, key)
        .frame("personas.summaries", study)
        .dropna(subset=["cluster"])[["persona", "share"]]
        .assign(snapshot=key)
        for key in keys[-MOST_SNAPSHOTS:]
    ]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()
