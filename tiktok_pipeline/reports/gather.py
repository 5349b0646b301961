"""Read the tables of one snapshot that the report shows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import narwhals as nw
import pandas as pd

from tiktok_pipeline.orchestration.resources.figures import SHARED, FigureStore
from tiktok_pipeline.raw.schema import SOURCES
from tiktok_pipeline.reports.captions import CAPTIONS
from tiktok_pipeline.reports.contents import RECOMMENDED, ReportModel, StudyContents
from tiktok_pipeline.study import Study
from tiktok_pipeline.tables import TABLES
from tiktok_pipeline.warehouse.base import Warehouse

TYPICAL_CREATORS = 10

REASONS = 40

_OF_SEGMENTS = ("k_scores", "fits", "stability", "stability_runs")

_OF_CLASSIFIERS = ("metrics", "confusion", "importances", "leakage", "cards")

_OF_A_CREATOR = {
    "profiles": (
        "nickname",
        "biography",
        "followers",
        "avg_engagement_rate",
        "likes",
        "videos_count",
        "is_verified",
    ),
    "creator_activity": ("engagement_index", "monetization_maturity"),
}


@dataclass(frozen=True)
class SnapshotReader:
    """Reads the slices of one snapshot."""

    warehouse: Warehouse
    snapshot: str

    def lazy(self, table: str, study: str | None = None) -> nw.LazyFrame[Any]:
        """A slice as a lazy frame."""
        spec = TABLES[table].spec
        values = {"snapshot": self.snapshot, "study": study or ""}
        return self.warehouse.read_slice(spec, {name: values[name] for name in spec.slice_by})

    def frame(self, table: str, study: str | None = None) -> pd.DataFrame:
        """A small slice as pandas."""
        return _pandas(self.lazy(table, study))

    def count(self, table: str, source: str | None = None) -> int:
        """The rows of a slice, or those of one source in it."""
        rows = self.lazy(table)
        rows = rows if source is None else rows.filter(nw.col("source") == source)
        return int(rows.select(nw.len().alias("rows")).collect("pyarrow").item(0, "rows"))


def gather(reader: SnapshotReader, studies: Sequence[Study], pictures: FigureStore) -> ReportModel:
    """What the tables of a snapshot say, as the page needs it."""
    drawn = pictures.of_snapshot(reader.snapshot)
    files = reader.frame("raw.files")[["file", "source", "dialect", "rows", "delivered_sha256"]]
    rows = {
        source.name: {
            "raw": reader.count(f"raw.{source.name}"),
            "validated": reader.count(f"validated.{source.name}"),
            "rejected": reader.count("validated.rejected", source.name),
        }
        for source in SOURCES
        if reader.count(f"raw.{source.name}")
    }
    return ReportModel(
        snapshot=reader.snapshot,
        made_by=f"tiktok-pipeline {version('tiktok-pipeline')}",
        files=[{str(name): value for name, value in one.items()} for one in files.to_dict("records")],
        rows=rows,
        rejected_reasons=_reasons(reader),
        statistics=reader.frame("features.statistics"),
        pictures=drawn.get(SHARED, {}),
        captions=CAPTIONS,
        studies=[
            _study(reader, study, drawn.get(study.name, {})) for study in sorted(studies, key=_recommended_first)
        ],
    )


def _recommended_first(study: Study) -> tuple[bool, str]:
    return study.name != RECOMMENDED, study.name


def _reasons(reader: SnapshotReader) -> pd.DataFrame:
    reason = nw.col("reasons").list.get(0)
    grouped = reader.lazy("validated.rejected").select("source", reason.alias("reason")).group_by("source", "reason")
    found = grouped.agg(nw.len().alias("rows")).sort("rows", "source", "reason", descending=[True, False, False])
    return _pandas(found.head(REASONS))


def _study(reader: SnapshotReader, study: Study, pictures: Mapping[str, str]) -> StudyContents:
    parts: dict[str, Any] = {}
    skipped_reasons: list[str] = []
    if study.segmentation is not None:
        parts |= {name: reader.frame(f"clusters.{name}", study.name) for name in _OF_SEGMENTS}
        parts["summaries"] = reader.frame("personas.summaries", study.name)
        verdicts = parts["summaries"][["cluster", "verdict"]]
        parts["stability"] = parts["stability"].merge(verdicts, on="cluster", how="left")
        parts["persona_features"] = reader.frame("personas.features", study.name)
        parts["typical"] = _typical(reader, study, parts["summaries"])
        skipped_reasons += [str(note) for note in parts["fits"]["note"].dropna().unique()]
    if study.classification is not None:
        parts |= {name: reader.frame(f"classifiers.{name}", study.name) for name in _OF_CLASSIFIERS}
        parts["top_scores"] = _top_scores(reader, study)
        cards = parts["cards"]
        skipped_reasons += cards.loc[cards["item"].isin(["why_empty", "missing"]), "value"].tolist()
        parts["cards"] = cards[~cards["item"].isin(["why_empty", "missing"])]
        parts["leaking_sets"] = ["published", *(one.name for one in study.classification.sets if one.leaks)]
    return StudyContents(
        name=study.name,
        title=study.name.replace("_", " ").capitalize(),
        question=study.question,
        published_in=study.published_in,
        notes=study.notes,
        source=study.source,
        recommendations=reader.frame("personas.recommendations", study.name),
        pictures=pictures,
        captions=CAPTIONS,
        skipped_reasons=skipped_reasons,
        **parts,
    )


def _typical(reader: SnapshotReader, study: Study, summaries: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """For each segment the creators next to its centre, the nearest first."""
    profiles = reader.lazy(f"validated.{study.source}").select("account_id", *_OF_A_CREATOR[study.source])
    assignments = reader.lazy("clusters.assignments", study.name)
    personas = {
        int(row["cluster"]): str(row["persona"]) for row in summaries.dropna(subset=["cluster"]).to_dict("records")
    }
    if not personas:
        return {}
    nearest = [
        assignments.filter(nw.col("cluster") == cluster).sort("distance", "account_id").head(TYPICAL_CREATORS)
        for cluster in personas
    ]
    # All segments are looked up at once: the join is a look at every profile.
    columns = ("account_id", "cluster", "distance", "margin")
    few = reader.warehouse.persist(nw.concat([one.select(columns) for one in nearest], how="vertical"))
    found = _pandas(few.join(profiles, on="account_id", how="inner").sort("distance", "account_id"))
    return {
        persona: found[found["cluster"] == cluster].drop(columns="cluster").reset_index(drop=True)
        for cluster, persona in personas.items()
    }


def _top_scores(reader: SnapshotReader, study: Study) -> pd.DataFrame:
    """The creators with the highest scores."""
    scores = reader.lazy("classifiers.scores", study.name).sort("score", "account_id", descending=[True, False])
    profiles = reader.lazy(f"validated.{study.source}").select("account_id", *_OF_A_CREATOR[study.source])
    best = scores.head(TYPICAL_CREATORS).select("account_id", "score", "predicted", "out_of_fold")
    joined = best.join(profiles, on="account_id", how="inner")
    return _pandas(joined.sort("score", "account_id", descending=[True, False]))


def _pandas(frame: nw.LazyFrame[Any]) -> pd.DataFrame:
    taken: pd.DataFrame = frame.collect("pandas").to_native()
    return taken
