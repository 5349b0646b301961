"""Read the tables of one snapshot that the report shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any

import narwhals as nw
import pandas as pd

from tiktok_pipeline.classifiers.card_items import REASON_ITEMS
from tiktok_pipeline.features.posting import ActivityBounds
from tiktok_pipeline.frames import count_rows, to_pandas
from tiktok_pipeline.raw.schema import PROFILES, SOURCES, VIDEOS
from tiktok_pipeline.reports.gather_changes import gather_changes
from tiktok_pipeline.reports.gather_moves import with_moves
from tiktok_pipeline.reports.gather_posting import gather_posting
from tiktok_pipeline.reports.gather_shortlist import gather_shortlist
from tiktok_pipeline.reports.report_model import RECOMMENDED_STUDY
from tiktok_pipeline.reports.snapshot_reader import SnapshotReader
from tiktok_pipeline.reports.snapshot_tables import RowCounts, SnapshotTables, StudyTables
from tiktok_pipeline.study import Study
from tiktok_pipeline.validated.videos import DELIVERED

CREATORS_PER_TABLE = 10
MAX_REASONS = 40

_SEGMENT_TABLES = ("k_scores", "fits", "continuity", "stability", "stability_runs")
_CLASSIFIER_TABLES = ("metrics", "confusion", "importances", "leakage", "cards", "feature_sets")

_CREATOR_COLUMNS = {
    "profiles": (
        "nickname",
        "biography",
        "followers",
        "avg_engagement_rate",
        "scraped_videos",
        "likes",
        "videos_count",
        "is_verified",
    ),
    "creator_activity": ("engagement_index", "monetization_maturity"),
}


def gather(
    reader: SnapshotReader,
    studies: Sequence[Study],
    *,
    figures: Mapping[str, Mapping[str, str]],
    shared_figures: Mapping[str, str],
    bounds: ActivityBounds,
    min_followers: float = 0.0,
) -> SnapshotTables:
    """Read what the report of a snapshot needs.

    Parameters
    ----------
    reader : SnapshotReader
        Reads the snapshot.
    studies : sequence of Study
        The studies of the report.
    figures : mapping of str to mapping of str to str
        Study -> figure -> SVG text.
    shared_figures : mapping of str to str
        Figure -> SVG text, of the figures that belong to no study.
    bounds : ActivityBounds
        When a creator is posting, slowing or dormant.
    min_followers : float
        Fewest followers of a creator in a shortlist.
    """
    planned = _planned_study(studies)
    delivered = {source.name: reader.count(f"raw.{source.name}") for source in SOURCES}
    row_counts = {
        source: RowCounts(
            delivered=count,
            valid=_count_valid(reader, source),
            rejected=reader.count("validated.rejected", source),
        )
        for source, count in delivered.items()
        if count
    }
    return SnapshotTables(
        snapshot=reader.snapshot,
        made_by=f"tiktok-pipeline {version('tiktok-pipeline')}",
        files=reader.frame("raw.files")[["file", "source", "dialect", "rows", "delivered_sha256"]],
        row_counts=row_counts,
        rejected_reasons=_rejected_reasons(reader),
        unread_cells=reader.frame("validated.unread_cells"),
        statistics=reader.frame("features.statistics"),
        posting=gather_posting(reader, bounds, study=planned.name if planned else None),
        changes=gather_changes(
            reader, studies, planned=planned.name if planned else None, min_followers=min_followers
        ),
        shortlist=gather_shortlist(reader, planned, min_followers=min_followers),
        benchmarks=reader.frame("creators.benchmarks"),
        figures=shared_figures,
        studies=[
            _study_tables(reader, study, figures.get(study.name, {}), min_followers)
            for study in sorted(studies, key=lambda study: (study.name != RECOMMENDED_STUDY, study.name))
        ],
    )


def _planned_study(studies: Sequence[Study]) -> Study | None:
    """Return the study to plan with, if it segments profiles."""
    planned = [study for study in studies if study.name == RECOMMENDED_STUDY and study.source == PROFILES.name]
    return planned[0] if planned and planned[0].segmentation is not None else None


def _count_valid(reader: SnapshotReader, source: str) -> int:
    """Return the valid rows among the delivered ones; the videos that profiles list are no rows of a delivery."""
    rows = reader.lazy(f"validated.{source}")
    return count_rows(rows.filter(nw.col("origin") == DELIVERED) if source == VIDEOS.name else rows)


def _rejected_reasons(reader: SnapshotReader) -> pd.DataFrame:
    """Return the most frequent first reasons of the rejected rows."""
    reason = nw.col("reasons").list.get(0)
    grouped = reader.lazy("validated.rejected").select("source", reason.alias("reason")).group_by("source", "reason")
    counts = grouped.agg(nw.len().alias("rows")).sort("rows", "source", "reason", descending=[True, False, False])
    return to_pandas(counts.head(MAX_REASONS))


def _study_tables(
    reader: SnapshotReader, study: Study, figures: Mapping[str, str], min_followers: float
) -> StudyTables:
    parts: dict[str, Any] = {}
    skipped_reasons: list[str] = []
    if study.segmentation is not None:
        parts |= {name: reader.frame(f"clusters.{name}", study.name) for name in _SEGMENT_TABLES}
        parts["summaries"] = reader.frame("personas.summaries", study.name)
        verdicts = parts["summaries"][["cluster", "verdict"]]
        parts["stability"] = parts["stability"].merge(verdicts, on="cluster", how="left")
        parts["persona_features"] = reader.frame("personas.features", study.name)
        parts["rules"] = reader.frame("personas.rules", study.name)
        parts["typical"] = _typical_creators(reader, study, parts["summaries"])
        skipped_reasons += [str(note) for note in parts["fits"]["note"].dropna().unique()]
        basis = next(iter(parts["fits"]["basis"].dropna()), "")
        parts["basis_note"] = next(
            (entry.basis_note for entry in study.segmentation.bases if entry.basis == basis), ""
        )
    if study.classification is not None:
        parts |= {name: reader.frame(f"classifiers.{name}", study.name) for name in _CLASSIFIER_TABLES}
        parts["top_scores"] = _top_scores(reader, study, min_followers)
        cards = parts["cards"]
        are_reasons = cards["item"].isin(REASON_ITEMS)
        skipped_reasons += cards.loc[are_reasons, "value"].tolist()
        parts["cards"] = cards[~are_reasons]
        leaking_sets = [feature_set.name for feature_set in study.classification.sets if feature_set.leaks]
        judged = parts["feature_sets"]
        flagged = judged.loc[judged["gives_label_away"].astype(bool), "feature_set"].tolist()
        parts["leaking_sets"] = list(dict.fromkeys(["published", *leaking_sets, *flagged]))
    return StudyTables(
        name=study.name,
        question=study.question,
        published_in=study.published_in,
        notes=study.notes,
        source=study.source,
        recommendations=reader.frame("personas.recommendations", study.name),
        figures=figures,
        skipped_reasons=skipped_reasons,
        **parts,
    )


def _typical_creators(reader: SnapshotReader, study: Study, summaries: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return the creators closest to the center of each segment, the closest first."""
    profiles = reader.lazy(f"validated.{study.source}").select("account_id", *_CREATOR_COLUMNS[study.source])
    assignments = reader.lazy("clusters.assignments", study.name)
    personas = {
        int(row["cluster"]): str(row["persona"]) for row in summaries.dropna(subset=["cluster"]).to_dict("records")
    }
    if not personas:
        return {}
    columns = ("account_id", "cluster", "distance", "margin")
    closest = [
        assignments.filter(nw.col("cluster") == cluster)
        .sort("distance", "account_id")
        .head(CREATORS_PER_TABLE)
        .select(columns)
        for cluster in personas
    ]
    # One join for all segments, because it scans every profile.
    members = reader.warehouse.persist(nw.concat(closest, how="vertical"))
    creators = to_pandas(members.join(profiles, on="account_id", how="inner").sort("distance", "account_id"))
    creators = with_moves(reader, study, creators)
    return {
        persona: creators[creators["cluster"] == cluster].drop(columns="cluster").reset_index(drop=True)
        for cluster, persona in personas.items()
    }


def _top_scores(reader: SnapshotReader, study: Study, min_followers: float) -> pd.DataFrame:
    """Return the creators with the highest scores, of those with enough followers where followers are known."""
    descending = [True, False]
    scores = reader.lazy("classifiers.scores", study.name).select("account_id", "score", "predicted", "out_of_fold")
    profiles = reader.lazy(f"validated.{study.source}").select("account_id", *_CREATOR_COLUMNS[study.source])
    if "followers" in _CREATOR_COLUMNS[study.source]:
        profiles = profiles.filter(nw.col("followers") >= min_followers)
    joined = scores.join(profiles, on="account_id", how="inner")
    best = joined.sort("score", "account_id", descending=descending).head(CREATORS_PER_TABLE)
    return to_pandas(best.sort("score", "account_id", descending=descending))
