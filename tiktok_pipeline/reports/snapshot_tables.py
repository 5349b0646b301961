"""The tables and figures of one snapshot that the report is built from, as `gather` reads them.

Frames have the columns that `validated`, `features`, `clusters`, `personas` and `classifiers` declare. An empty frame
means that the part was not computed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from tiktok_pipeline.features.posting import DORMANT, POSTING, SLOWING, ActivityBounds

Row = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class StudyTables:
    """The tables of one study.

    Attributes
    ----------
    typical : mapping of str to DataFrame
        The creators closest to the center of each persona, the closest first.
    figures : mapping of str to str
        The SVG text of each figure by its name.
    skipped_reasons : sequence of str
        Why parts of the study were not computed.
    basis_note : str
        What a reader must know about the features that were compared; empty for the basis of the study.
    leaking_sets : sequence of str
        The feature sets that reveal the label of the study's classifier: those that the study names, and those that
        hold or rebuild a feature that the audit flagged.
    """

    name: str
    question: str
    published_in: str
    notes: str
    source: str
    summaries: pd.DataFrame = field(default_factory=pd.DataFrame)
    persona_features: pd.DataFrame = field(default_factory=pd.DataFrame)
    rules: pd.DataFrame = field(default_factory=pd.DataFrame)
    recommendations: pd.DataFrame = field(default_factory=pd.DataFrame)
    typical: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    k_scores: pd.DataFrame = field(default_factory=pd.DataFrame)
    fits: pd.DataFrame = field(default_factory=pd.DataFrame)
    continuity: pd.DataFrame = field(default_factory=pd.DataFrame)
    stability: pd.DataFrame = field(default_factory=pd.DataFrame)
    stability_runs: pd.DataFrame = field(default_factory=pd.DataFrame)
    metrics: pd.DataFrame = field(default_factory=pd.DataFrame)
    confusion: pd.DataFrame = field(default_factory=pd.DataFrame)
    importances: pd.DataFrame = field(default_factory=pd.DataFrame)
    leakage: pd.DataFrame = field(default_factory=pd.DataFrame)
    cards: pd.DataFrame = field(default_factory=pd.DataFrame)
    feature_sets: pd.DataFrame = field(default_factory=pd.DataFrame)
    top_scores: pd.DataFrame = field(default_factory=pd.DataFrame)
    figures: Mapping[str, str] = field(default_factory=dict)
    skipped_reasons: Sequence[str] = ()
    basis_note: str = ""
    leaking_sets: Sequence[str] = ()

    @property
    def label(self) -> str:
        """The name of the study in a sentence."""
        return spaced(self.name)

    @property
    def title(self) -> str:
        """The name of the study as a heading."""
        return self.label.capitalize()

    @property
    def fit_statistics(self) -> dict[str, float]:
        """The statistics of the fit that are defined, by name."""
        return {row["statistic"]: float(row["value"]) for row in to_records(self.fits) if row["value"] is not None}


@dataclass(frozen=True, kw_only=True)
class RowCounts:
    """The rows of one source: delivered, valid and rejected."""

    delivered: int
    valid: int
    rejected: int


MEDIANS = (
    "days_since_last_post",
    "videos_per_week",
    "median_gap_days",
    "gap_variation",
    "share_of_days_with_post",
    "median_plays",
    "engagement_by_plays",
    "play_consistency",
    "video_engagement_rate",
    "plays_growth",
)
"""The features of ``features.posting`` whose medians the report shows."""

ACTIVITIES = (POSTING, SLOWING, DORMANT)


@dataclass(frozen=True, kw_only=True)
class PostingTables:
    """How the creators of a snapshot post.

    Attributes
    ----------
    creators, profiles : int
        Creators with a known video, and valid profiles.
    videos, unusable : int
        Videos of the snapshot, and listed links whose id holds no plausible time.
    bounds : ActivityBounds
        What the activities mean.
    by_activity : mapping of str to int
        Creators by activity.
    medians : mapping of str to float or None
        The median of each of `MEDIANS`.
    by_persona : DataFrame
        persona, creators, and the number of each of `ACTIVITIES`; of the study to plan with.
    """

    creators: int = 0
    profiles: int = 0
    videos: int = 0
    unusable: int = 0
    bounds: ActivityBounds = field(default_factory=ActivityBounds)
    by_activity: dict[str, int] = field(default_factory=dict)
    medians: dict[str, float | None] = field(default_factory=dict)
    by_persona: pd.DataFrame = field(default_factory=pd.DataFrame)


@dataclass(frozen=True, kw_only=True)
class ChangesTables:
    """What changed since the snapshot before.

    Attributes
    ----------
    comparison : DataFrame
        The row of ``creators.comparisons``; empty in a snapshot from before there was one.
    fastest : DataFrame
        previous_tier, account_id, nickname, followers, followers_gained, growth_30_days: the fastest growing
        creators of each size tier, the smallest tier first.
    unusual : DataFrame
        account_id, nickname, followers, flags: the largest creators with flags in ``creators.growth``.
    arrivals, departures : DataFrame
        account_id, nickname, followers: the largest creators that were not there before, or are not there any more.
    renamed : DataFrame
        previous_account_id, account_id, nickname, followers: the largest creators with another handle.
    drift : DataFrame
        Rows of ``features.drift``.
    migrations, lifecycle : DataFrame
        Rows of the tables of schema ``personas``, with their study.
    shares : DataFrame
        snapshot, persona, share: of the study to plan with, in all snapshots up to this one.
    """

    comparison: pd.DataFrame = field(default_factory=pd.DataFrame)
    fastest: pd.DataFrame = field(default_factory=pd.DataFrame)
    unusual: pd.DataFrame = field(default_factory=pd.DataFrame)
    arrivals: pd.DataFrame = field(default_factory=pd.DataFrame)
    departures: pd.DataFrame = field(default_factory=pd.DataFrame)
    renamed: pd.DataFrame = field(default_factory=pd.DataFrame)
    drift: pd.DataFrame = field(default_factory=pd.DataFrame)
    migrations: pd.DataFrame = field(default_factory=pd.DataFrame)
    lifecycle: pd.DataFrame = field(default_factory=pd.DataFrame)
    shares: pd.DataFrame = field(default_factory=pd.DataFrame)


@dataclass(frozen=True, kw_only=True)
class ShortlistTables:
    """The creators to look at first.

    Attributes
    ----------
    min_followers : float
        Fewest followers of a listed creator, a setting.
    profiles, known, large : int
        Valid profiles, creators in ``creators.current``, and those of them with at least so many followers.
    has_rates : bool
        Whether engagement rates are known for at least half of the large ones; else likes per video rank them.
    creators : DataFrame
        Some columns of ``creators.current``, with ``unusual`` (names of notices), ``ranked_by``, and ``segment``:
        None where all are ranked without regard to segments. In the order of the page.
    """

    min_followers: float = 0.0
    profiles: int = 0
    known: int = 0
    large: int = 0
    has_rates: bool = True
    creators: pd.DataFrame = field(default_factory=pd.DataFrame)


@dataclass(frozen=True, kw_only=True)
class SnapshotTables:
    """The tables of one snapshot.

    Attributes
    ----------
    files : DataFrame
        One row per file: file, source, dialect, rows, delivered_sha256.
    row_counts : mapping of str to RowCounts
        By source; only sources with delivered rows.
    rejected_reasons : DataFrame
        source, reason, rows: the rejected rows by their first reason.
    unread_cells : DataFrame
        A slice of ``validated.unread_cells``.
    statistics : DataFrame
        A slice of ``features.statistics``.
    posting : PostingTables
        How the creators post; without creators if the snapshot has no video.
    changes : ChangesTables
        What changed since the snapshot before.
    shortlist : ShortlistTables
        The creators to look at first.
    benchmarks : DataFrame
        A slice of ``creators.benchmarks``.
    figures : mapping of str to str
        The SVG text of each figure that belongs to no study.
    """

    snapshot: str
    made_by: str
    files: pd.DataFrame = field(default_factory=pd.DataFrame)
    row_counts: Mapping[str, RowCounts] = field(default_factory=dict)
    rejected_reasons: pd.DataFrame = field(default_factory=pd.DataFrame)
    unread_cells: pd.DataFrame = field(default_factory=pd.DataFrame)
    statistics: pd.DataFrame = field(default_factory=pd.DataFrame)
    posting: PostingTables = field(default_factory=PostingTables)
    changes: ChangesTables = field(default_factory=ChangesTables)
    shortlist: ShortlistTables = field(default_factory=ShortlistTables)
    benchmarks: pd.DataFrame = field(default_factory=pd.DataFrame)
    figures: Mapping[str, str] = field(default_factory=dict)
    studies: Sequence[StudyTables] = ()


def spaced(name: object) -> str:
    """Return a name of a table or column with spaces instead of underscores."""
    return str(name).replace("_", " ")


def to_records(frame: pd.DataFrame, *columns: str) -> list[Row]:
    """Return the rows of a frame as dictionaries, with None for missing values and for ``columns`` that it lacks."""
    rows: list[Row] = [{str(name): value for name, value in row.items()} for row in frame.to_dict("records")]
    return [
        {name: None if pd.api.types.is_scalar(value) and pd.isna(value) else value for name, value in row.items()}
        for row in ({**dict.fromkeys(columns), **row} for row in rows)
    ]
