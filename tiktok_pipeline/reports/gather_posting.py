"""Read how the creators of a snapshot post: a few numbers, computed in the engine."""

from __future__ import annotations

import narwhals as nw
import pandas as pd

from tiktok_pipeline.features.posting import ActivityBounds
from tiktok_pipeline.frames import count_rows, fetch_row, to_pandas
from tiktok_pipeline.reports.snapshot_reader import SnapshotReader
from tiktok_pipeline.reports.snapshot_tables import ACTIVITIES, MEDIANS, PostingTables
from tiktok_pipeline.validated.videos import LISTED


def gather_posting(reader: SnapshotReader, bounds: ActivityBounds, *, study: str | None) -> PostingTables:
    """Read how the creators post.

    Parameters
    ----------
    reader : SnapshotReader
        Reads the snapshot.
    bounds : ActivityBounds
        The settings of the home.
    study : str, optional
        The study to plan with, if it is about profiles and has segments.
    """
    posting = reader.lazy("features.posting")
    counts = fetch_row(posting.select(nw.len().alias("creators"), *_counts()))
    if not counts["creators"]:
        return PostingTables(bounds=bounds)
    medians = fetch_row(posting.select(*(nw.col(name).median() for name in MEDIANS)))
    profiles = reader.lazy("validated.profiles")
    videos = reader.lazy("validated.videos")
    listed = fetch_row(profiles.select(listed=nw.col("scraped_videos").sum()))["listed"] or 0
    usable = count_rows(videos.filter(nw.col("origin") == LISTED))
    return PostingTables(
        creators=counts["creators"],
        profiles=count_rows(profiles),
        videos=count_rows(videos),
        unusable=max(int(listed) - usable, 0),
        bounds=bounds,
        by_activity={name: counts[name] or 0 for name in ACTIVITIES},
        medians=medians,
        by_persona=_by_persona(reader, study) if study else pd.DataFrame(),
    )


def _counts() -> list[nw.Expr]:
    return [(nw.col("activity") == name).cast(nw.Int64).sum().alias(name) for name in ACTIVITIES]


def _by_persona(reader: SnapshotReader, study: str) -> pd.DataFrame:
    assignments = reader.lazy("clusters.assignments", study).select("account_id", "cluster")
    personas = reader.lazy("personas.summaries", study).select("cluster", "persona", "profiles")
    posting = reader.lazy("features.posting").select("account_id", "activity", "days_since_last_post")
    joined = posting.join(assignments, on="account_id", how="inner").join(personas, on="cluster", how="inner")
    grouped = joined.group_by("persona", "profiles").agg(
        nw.len().alias("creators"), nw.col("days_since_last_post").median().alias("median_days"), *_counts()
    )
    return to_pandas(grouped.sort("profiles", "persona", descending=[True, False]))
