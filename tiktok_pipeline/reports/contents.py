"""What the page for a marketer says: plain data, and the pure functions that shape tables into it.

Frames are the tables of the snapshot as `validated`, `features`, `clusters`, `personas` and `classifiers` declare them;
an empty one stands for a part that was not computed. Nothing here knows HTML.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from tiktok_pipeline.features.catalogue import feature_label
from tiktok_pipeline.personas.verdict import VERDICTS

RECOMMENDED = "balanced_segments"
"""The study that a marketer plans with, where the snapshot has it."""

THIN_SPACE = "\u202f"

Row = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class StudyContents:
    """What one study found. ``typical`` has ten creators for each persona, ``why_not`` what could not be computed.

    ``leaking_sets`` are the feature sets that give the label of its classifier away.
    """

    name: str
    title: str
    question: str
    published_in: str
    notes: str
    source: str
    summaries: pd.DataFrame = field(default_factory=pd.DataFrame)
    persona_features: pd.DataFrame = field(default_factory=pd.DataFrame)
    recommendations: pd.DataFrame = field(default_factory=pd.DataFrame)
    typical: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    k_scores: pd.DataFrame = field(default_factory=pd.DataFrame)
    fits: pd.DataFrame = field(default_factory=pd.DataFrame)
    stability: pd.DataFrame = field(default_factory=pd.DataFrame)
    stability_runs: pd.DataFrame = field(default_factory=pd.DataFrame)
    metrics: pd.DataFrame = field(default_factory=pd.DataFrame)
    confusion: pd.DataFrame = field(default_factory=pd.DataFrame)
    importances: pd.DataFrame = field(default_factory=pd.DataFrame)
    leakage: pd.DataFrame = field(default_factory=pd.DataFrame)
    cards: pd.DataFrame = field(default_factory=pd.DataFrame)
    top_scores: pd.DataFrame = field(default_factory=pd.DataFrame)
    pictures: Mapping[str, str] = field(default_factory=dict)
    captions: Mapping[str, str] = field(default_factory=dict)
    skipped_reasons: Sequence[str] = ()
    leaking_sets: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class ReportModel:
    """What the page of one snapshot says. ``pictures`` are those of no single study: name -> text of an SVG.

    ``files``: file, source, dialect, rows, delivered_sha256. ``rows``: source -> raw, validated, rejected.
    """

    snapshot: str
    made_by: str
    files: Sequence[Mapping[str, object]] = ()
    rows: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    rejected_reasons: pd.DataFrame = field(default_factory=pd.DataFrame)
    statistics: pd.DataFrame = field(default_factory=pd.DataFrame)
    pictures: Mapping[str, str] = field(default_factory=dict)
    captions: Mapping[str, str] = field(default_factory=dict)
    studies: Sequence[StudyContents] = ()


@dataclass(frozen=True, kw_only=True)
class Persona:
    """One segment in a marketer's words; ``medians`` are (feature, value) of a creator in its middle."""

    name: str
    profiles: int
    profiles_in_fit: int
    share: float
    verdict: str
    trust: str
    description: str
    strategic_value: str
    recommendation: str
    marks: tuple[str, ...]
    medians: tuple[tuple[str, float], ...]
    typical: list[Row]


COUNTS = frozenset({"followers", "following", "likes", "videos_count"})
FLAGS = frozenset({"is_verified", "has_bio_link", "has_creator_keyword"})
SAME_SIGNAL = {"like_engagement_rate": "avg_engagement_rate", "total_engagement": "avg_engagement_rate"}
"""Features that tell what another one tells already."""

EXPLAINED = ("followers", "likes", "videos_count", "avg_engagement_rate")
MEDIANS = (*EXPLAINED, "engagement_index", "monetization_maturity")


def grouped(value: float, digits: int = 0) -> str:
    """A number with thin spaces between thousands: 12 345.6; a minus sign instead of a hyphen."""
    text = f"{value:,.{digits}f}".replace(",", THIN_SPACE)
    return text.replace("-", "\u2212") if float(f"{value:.{digits}f}") else text.lstrip("-")


def records(frame: pd.DataFrame, *columns: str) -> list[Row]:
    """The rows of a frame with None where a value is missing; ``columns`` that it lacks are None, too."""
    rows: list[Row] = [{str(name): value for name, value in row.items()} for row in frame.to_dict("records")]
    return [
        {name: None if pd.api.types.is_scalar(value) and pd.isna(value) else value for name, value in row.items()}
        for row in ({**dict.fromkeys(columns), **row} for row in rows)
    ]


def in_words(feature: str, relative: float) -> str:
    """How a segment stands to the average; ``relative`` is mean / average - 1.

    >>> in_words("followers", 3.2)
    'followers 4.2 times the average'
    """
    name = feature_label(feature)
    if relative <= -1.0:
        return f"no {name}" if feature in FLAGS else f"{name}: none at all"
    if relative < -0.99:
        return f"{name} under 1{THIN_SPACE}% of the average"
    if relative >= 1.0:
        times = 1.0 + relative
        return f"{name} {grouped(times, 0 if times >= 9.95 else 1)} times the average"
    if abs(relative) < 0.05:
        return f"{name} about the average"
    return f"{name} {abs(relative) * 100:.0f}{THIN_SPACE}% {'above' if relative > 0 else 'below'} the average"


def marks(features: pd.DataFrame, persona: str, count: int = 3) -> tuple[str, ...]:
    """What marks a segment beside the average of the rows that the model saw, the strongest first.

    Logarithms and features that repeat another one are left out; that a segment lacks a badge or a link comes last,
    because most segments do.
    """
    found = {
        row["feature"]: float(row["relative_importance"])
        for row in records(features, "persona", "base", "feature", "relative_importance")
        if row["persona"] == persona and row["base"] == "fitted" and row["relative_importance"] is not None
    }
    telling = [
        name for name in found if not name.startswith("log_") and SAME_SIGNAL.get(name, "") not in found
    ] or list(found)
    ordered = sorted(telling, key=lambda name: (name in FLAGS and found[name] <= -1.0, -abs(found[name]), name))
    return tuple(in_words(name, found[name]) for name in ordered[:count])


def personas(study: StudyContents) -> list[Persona]:
    """The segments of a study as its table has them, the largest first."""
    medians = {
        (row["persona"], row["feature"]): row["median"]
        for row in records(study.persona_features, "persona", "base", "feature", "median")
        if row["base"] == "fitted" and row["median"] is not None
    }
    return [
        Persona(
            name=row["persona"],
            profiles=int(row["profiles"]),
            profiles_in_fit=int(row["profiles_in_fit"]),
            share=float(row["share"]),
            verdict=row["verdict"],
            trust=VERDICTS[row["verdict"]].description,
            description=row["description"],
            strategic_value=row["strategic_value"],
            recommendation=row["recommendation"],
            marks=marks(study.persona_features, row["persona"]),
            medians=tuple(
                (name, float(medians[row["persona"], name])) for name in MEDIANS if (row["persona"], name) in medians
            ),
            typical=records(study.typical.get(row["persona"], pd.DataFrame())),
        )
        for row in records(study.summaries)
    ]


def recommended(studies: Sequence[StudyContents]) -> StudyContents | None:
    """The study to plan with: `RECOMMENDED`, else the first that has segments, else the first."""
    named = [study for study in studies if study.name == RECOMMENDED]
    filled = [study for study in studies if len(study.summaries)]
    return next(iter([*named, *filled, *studies]), None)


def advice(study: StudyContents) -> list[str]:
    """What a study advises as a whole."""
    return [row["recommendation"] for row in records(study.recommendations, "persona") if not row["persona"]]


def fitted(study: StudyContents) -> dict[str, float]:
    """The figures of a study's fit that are defined."""
    return {row["statistic"]: float(row["value"]) for row in records(study.fits) if row["value"] is not None}


def explained(study: StudyContents) -> list[tuple[str, float]]:
    """(feature, eta squared of ranks), highest first; a logarithm has the same ranks as what it is of."""
    start = "eta_squared_"
    found = {name.removeprefix(start): value for name, value in fitted(study).items() if name.startswith(start)}
    return sorted(
        ((name, value) for name, value in found.items() if not _repeats(name, found)), key=lambda one: -one[1]
    )


def _repeats(name: str, others: Iterable[str]) -> bool:
    own = {"log_engagement_percent": "avg_engagement_rate"}.get(name, name.removeprefix("log_"))
    return own != name and own in others


def choice_of_k(study: StudyContents) -> Row:
    """What the study takes, where the elbow and the best silhouette are (None: nowhere), and the sentence on it."""
    rows = records(study.k_scores, "is_chosen", "is_elbow", "is_best_silhouette", "reason")
    found: Row = {
        name: next((int(row["k"]) for row in rows if row[f"is_{name}"]), None)
        for name in ("chosen", "elbow", "best_silhouette")
    }
    return {**found, "reason": rows[0]["reason"] if rows else ""}


def trust_rows(study: StudyContents) -> list[Row]:
    """The rows of ``clusters.stability`` with the name of each segment in place of its number."""
    names = {row["cluster"]: row["persona"] for row in records(study.summaries, "cluster", "persona")}
    return [
        {**row, "persona": names.get(row["cluster"], f"cluster {row['cluster']}")} for row in records(study.stability)
    ]


def trust_runs(study: StudyContents) -> list[Row]:
    """The runs behind the trust, summed up for each measure and k: runs, mean, lowest, highest."""
    if study.stability_runs.empty:
        return []
    runs = study.stability_runs.groupby(["measure", "k"], sort=True)["value"]
    return records(runs.agg(runs="count", mean="mean", lowest="min", highest="max").reset_index())


def compare(studies: Sequence[StudyContents]) -> list[Row]:
    """One row for each study that has segments: sizes, trust, separation, and what the segments explain."""
    rows = []
    for study in studies:
        segments = [row for row in records(study.summaries, "cluster") if row["cluster"] is not None]
        if not segments:
            continue
        figures = fitted(study)
        jaccards = [row["jaccard"] for row in records(study.stability, "jaccard") if row["jaccard"] is not None]
        rows.append(
            {
                "name": study.name,
                "segments": len(segments),
                "smallest": min(int(row["profiles_in_fit"]) for row in segments),
                "worst_jaccard": min(jaccards, default=None),
                "silhouette": figures.get("silhouette"),
                "rows_in_fit": figures.get("rows_in_fit"),
                "inertia": figures.get("inertia"),
                **{name: figures.get(f"eta_squared_{name}") for name in EXPLAINED},
            }
        )
    return rows


PROTOCOLS = {
    "published": "Published: the source's own steps, slips included",
    "mended": "Mended: the same with its slips put right",
    "honest": "Honest: cross-validated, on creators the model has not seen",
}
METRICS = {
    "average_precision": "average precision",
    "f1": "F1",
    "precision": "precision",
    "recall": "recall",
    "roc_auc": "ROC-AUC",
    "balanced_accuracy": "balanced accuracy",
    "brier": "Brier (lower is better)",
}


def metric_names(study: StudyContents, *, main: bool) -> list[str]:
    """The metrics that a study has: those of `METRICS` in their order, or the others."""
    names = set(study.metrics["metric"]) if len(study.metrics) else set()
    return [name for name in METRICS if name in names] if main else sorted(names - set(METRICS))


def metric_rows(study: StudyContents) -> dict[str, list[Row]]:
    """For each protocol one row a model and feature set: ``figures`` has metric -> (value, std). The floor comes last."""
    rows: dict[str, dict[tuple[bool, str, str], Row]] = {protocol: {} for protocol in PROTOCOLS}
    for one in records(study.metrics, "std"):
        key = (one["model"] == "dummy", one["feature_set"], one["model"])
        row = rows[one["protocol"]].setdefault(
            key, {"model": one["model"], "feature_set": one["feature_set"], "figures": {}}
        )
        row["figures"][one["metric"]] = (one["value"], one["std"])
    return {protocol: [found[key] for key in sorted(found)] for protocol, found in rows.items() if found}


def confusion_rows(study: StudyContents) -> list[Row]:
    """One row a model: how many positives it finds and misses, how many others it takes for one and leaves alone."""
    kinds = {(True, True): "found", (True, False): "missed", (False, True): "false_alarms", (False, False): "left"}
    rows: dict[tuple[int, str, str], Row] = {}
    for one in records(study.confusion):
        key = (list(PROTOCOLS).index(one["protocol"]), one["feature_set"], one["model"])
        row = rows.setdefault(key, {**dict.fromkeys(kinds.values(), 0), **one})
        row[kinds[bool(one["actual"]), bool(one["predicted"])]] += int(one["profiles"])
    return [rows[key] for key in sorted(rows)]


def strongest(study: StudyContents, count: int = 5) -> list[Row]:
    """What each model goes by: its ``count`` most important features by each method."""
    if study.importances.empty:
        return []
    ordered = study.importances.sort_values(["importance", "feature"], ascending=[False, True], kind="stable")
    top = ordered.groupby(["protocol", "feature_set", "model", "method"], sort=True).head(count)
    return records(top.sort_values(["protocol", "feature_set", "model", "method"], kind="stable"), "std")


def statistics_rows(statistics: pd.DataFrame) -> list[Row]:
    """One row for each feature of a source with its statistics as keys, in the order of the table."""
    rows: dict[tuple[str, str], Row] = {}
    for one in records(statistics, "other_feature"):
        if not one["other_feature"]:
            row = rows.setdefault(
                (one["source"], one["feature"]), {"source": one["source"], "feature": one["feature"]}
            )
            row[one["statistic"]] = one["value"]
    return list(rows.values())


def verdict_counts(studies: Iterable[StudyContents]) -> dict[str, int]:
    """How many segments have each verdict, in the order of `VERDICTS`; only verdicts that occur."""
    found = [row["verdict"] for study in studies for row in records(study.summaries, "verdict")]
    return {verdict: found.count(verdict) for verdict in VERDICTS if verdict in found}


def headline_scores(studies: Iterable[StudyContents]) -> list[Row]:
    """For each study with scores its best average precision: as published, honest without leaks, and the floor."""
    rows: list[Row] = []
    for study in studies:
        best: dict[str, float | None] = {"published": None, "honest": None, "floor": None}
        for one in records(study.metrics):
            kind = "floor" if one["model"] == "dummy" else one["protocol"]
            leaks = kind == "honest" and one["feature_set"] in study.leaking_sets
            if one["metric"] == "average_precision" and one["value"] is not None and kind in best and not leaks:
                best[kind] = max(best[kind] or 0.0, float(one["value"]))
        if best["honest"] is not None:
            rows.append({"name": study.name, **best})
    return rows
