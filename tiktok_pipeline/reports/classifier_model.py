"""The classifier of a study: how well each model does, what reveals the label, and who has the highest scores."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from tiktok_pipeline.features.catalog import feature_label
from tiktok_pipeline.output.number_format import format_count, format_mean, format_number
from tiktok_pipeline.reports.creator_table import creator_table
from tiktok_pipeline.reports.page_elements import (
    Cell,
    RowGroup,
    Table,
    TableRow,
    Term,
    badge_class,
    heading,
    number_cell,
    number_heading,
    row_heading,
    simple_table,
    text_cell,
)
from tiktok_pipeline.reports.snapshot_tables import Row, StudyTables, spaced, to_records

PROTOCOLS = {
    "published": "Published: the source's own steps, including its mistakes",
    "mended": "Mended: the published steps with their mistakes corrected",
    "honest": "Honest: cross-validated on creators that the model has not seen",
}
METRICS = {
    "average_precision": "Average precision",
    "f1": "F1",
    "precision": "Precision",
    "recall": "Recall",
    "roc_auc": "ROC-AUC",
    "balanced_accuracy": "Balanced accuracy",
    "brier": "Brier score (lower is better)",
}
"""The metrics of the main table, in its order."""

FURTHER_METRICS = {
    "f1_tuned": "F1 (tuned)",
    "precision_tuned": "Precision (tuned)",
    "recall_tuned": "Recall (tuned)",
    "balanced_accuracy_tuned": "Balanced accuracy (tuned)",
    "brier_calibrated": "Brier score (calibrated)",
    "threshold": "Threshold",
}

_BASELINE = "dummy"
_TOP_FEATURES = 5


@dataclass(frozen=True, kw_only=True)
class ClassifierModel:
    """The part of a study about its classifier; tables are None if they have no rows."""

    headline: str
    metrics_table: Table | None
    further_metrics_table: Table | None
    leakage_table: Table | None
    sets_table: Table | None
    confusion_table: Table | None
    importance_table: Table | None
    scores_table: Table | None
    model_card: tuple[Term, ...]


@dataclass(frozen=True)
class HeadlineScores:
    """The average precision that stands for a study: as published, on unseen creators without leaks, by guessing.

    ``honest`` is that of the model and the feature set that were chosen before any test fold was looked at, with its
    standard deviation over the repeats.
    """

    published: float | None
    honest: float
    spread: float | None
    model: str
    feature_set: str
    baseline: float | None


def build_classifier(study: StudyTables) -> ClassifierModel | None:
    """Build the part of a study about its classifier; None if the study has no results of one."""
    if not any(map(len, (study.metrics, study.top_scores, study.cards, study.leakage))):
        return None
    metrics = set(study.metrics["metric"]) if len(study.metrics) else set()
    spread = "mean \u00b1 standard deviation over folds"
    return ClassifierModel(
        headline=_headline(study),
        metrics_table=_metrics_table(
            study,
            f"How well each model finds the target creators: {spread}",
            [name for name in METRICS if name in metrics],
        ),
        further_metrics_table=_metrics_table(
            study, f"Further metrics of each model: {spread}", _further_metrics(metrics)
        ),
        leakage_table=_leakage_table(study),
        sets_table=_sets_table(study),
        confusion_table=_confusion_table(study),
        importance_table=_importance_table(study),
        scores_table=creator_table(
            "Highest scores: how likely each creator is a target creator, from 0 to 1", study.top_scores
        ),
        model_card=tuple(
            Term(_metric_label(row["item"]), str(row["value"]), is_warning="missing" in row["item"].lower())
            for row in to_records(study.cards)
        ),
    )


def headline_scores(study: StudyTables) -> HeadlineScores | None:
    """Return the average precision that stands for a study; None if every feature set gives the label away."""
    headline = {
        (row["feature_set"], row["headline_model"])
        for row in to_records(study.feature_sets, "headline_model")
        if row["headline_model"]
    }
    rows = [row for row in to_records(study.metrics, "std_of_repeats") if row["metric"] == "average_precision"]
    honest = [row for row in rows if row["protocol"] == "honest" and (row["feature_set"], row["model"]) in headline]
    if not honest or honest[0]["value"] is None:
        return None
    published = [row["value"] for row in rows if row["protocol"] == "published"]
    baseline = [row["value"] for row in rows if row["model"] == _BASELINE]
    return HeadlineScores(
        published=published[0] if published else None,
        honest=float(honest[0]["value"]),
        spread=honest[0]["std_of_repeats"],
        model=honest[0]["model"],
        feature_set=honest[0]["feature_set"],
        baseline=baseline[0] if baseline else None,
    )


def _headline(study: StudyTables) -> str:
    """Return how good the scores are in a sentence; empty if no feature set was judged."""
    scores = headline_scores(study)
    if scores is not None:
        return f"How good the scores are: {score_sentence(scores)}"
    return "Every set of features gives the label away in this snapshot." if len(study.feature_sets) else ""


def score_sentence(scores: HeadlineScores) -> str:
    """Return how well the model that stands for a study does, as the end of a sentence."""
    published = "" if scores.published is None else f"{format_number(scores.published, 3)} as published; "
    spread = "" if scores.spread is None else f" (\u00b1 {format_number(scores.spread, 3)} over repeats)"
    baseline = "" if scores.baseline is None else f"; guessing reaches {format_number(scores.baseline, 3)}"
    return (
        f"average precision {published}{format_number(scores.honest, 3)}{spread} on creators that the model has not "
        f"seen, without features that reveal the label ({_model_label(scores.model)}, {spaced(scores.feature_set)})"
        f"{baseline}."
    )


def metric_rows(study: StudyTables) -> dict[str, list[Row]]:
    """Return for each protocol one row per model and feature set, the baseline last.

    ``metrics`` of a row is metric -> (value, standard deviation).
    """
    rows: dict[str, dict[tuple[bool, str, str], Row]] = {protocol: {} for protocol in PROTOCOLS}
    for record in to_records(study.metrics, "std"):
        model, feature_set = record["model"], record["feature_set"]
        row = rows[record["protocol"]].setdefault(
            (model == _BASELINE, feature_set, model), {"model": model, "feature_set": feature_set, "metrics": {}}
        )
        row["metrics"][record["metric"]] = (record["value"], record["std"])
    return {protocol: [groups[key] for key in sorted(groups)] for protocol, groups in rows.items() if groups}


def _further_metrics(metrics: Collection[str]) -> list[str]:
    known = [name for name in FURTHER_METRICS if name in metrics]
    return [*known, *sorted(set(metrics) - set(METRICS) - set(FURTHER_METRICS))]


def _metric_label(name: str) -> str:
    return (METRICS | FURTHER_METRICS).get(name) or spaced(name).capitalize()


def _model_label(model: str) -> str:
    return "baseline (guessing)" if model == _BASELINE else spaced(model)


def _metrics_table(study: StudyTables, caption: str, metrics: Sequence[str]) -> Table | None:
    if not metrics:
        return None
    header = (
        heading("Model"),
        heading("Features"),
        *(number_heading(_metric_label(name)) for name in metrics),
    )
    groups = tuple(
        RowGroup(tuple(_metrics_row(study, row, metrics) for row in rows), PROTOCOLS[protocol])
        for protocol, rows in metric_rows(study).items()
    )
    return Table(caption, (header,), groups)


def _metrics_row(study: StudyTables, row: Row, metrics: Sequence[str]) -> TableRow:
    is_baseline = row["model"] == _BASELINE
    leaks = " (reveals the label)" if row["feature_set"] in study.leaking_sets else ""
    return TableRow(
        (
            row_heading(_model_label(row["model"])),
            text_cell(f"{spaced(row['feature_set'])}{leaks}"),
            *(number_cell(format_mean(*row["metrics"].get(name, (None, None)))) for name in metrics),
        ),
        css_class="baseline" if is_baseline else "",
    )


def _leakage_table(study: StudyTables) -> Table | None:
    header = [
        heading("Feature"),
        heading("Published input"),
        number_heading("ROC-AUC alone", "0.5 to 1"),
        number_heading("Best F1 alone"),
        number_heading("Average precision without it"),
        heading("Result"),
        heading("Explanation"),
    ]
    rows = []
    for row in to_records(study.leakage, "other_feature"):
        features = [name for name in (row["feature"], row["other_feature"]) if name]
        rows.append(
            [
                row_heading(" + ".join(map(feature_label, features))),
                text_cell("yes" if row["is_published"] else "no"),
                number_cell(format_number(row["single_feature_auc"], 3)),
                number_cell(format_number(row["best_f1"], 3)),
                number_cell(format_number(row["ap_without"], 3)),
                Cell(text=spaced(row["kind"]), badge=badge_class(row["kind"])),
                text_cell(str(row["verdict"]), "words"),
            ]
        )
    return simple_table("Leakage audit: does a feature reveal the label?", header, rows)


def _sets_table(study: StudyTables) -> Table | None:
    header = [heading("Features"), heading("Result"), heading("Why"), heading("Stands for the study")]
    rows = []
    for row in to_records(study.feature_sets, "headline_model"):
        kind = "leak" if row["gives_label_away"] else "clear"
        rows.append(
            [
                row_heading(spaced(row["feature_set"])),
                Cell(text="gives the label away" if row["gives_label_away"] else kind, badge=badge_class(kind)),
                text_cell(str(row["why"]), "words"),
                text_cell(_model_label(row["headline_model"]) if row["headline_model"] else ""),
            ]
        )
    return simple_table("Which feature sets give the label away", header, rows)


def _confusion_table(study: StudyTables) -> Table | None:
    outcomes = {(True, True): "found", (True, False): "missed", (False, True): "false", (False, False): "rejected"}
    counts: dict[tuple[int, str, str], dict[str, int]] = {}
    for row in to_records(study.confusion):
        key = (list(PROTOCOLS).index(row["protocol"]), row["feature_set"], row["model"])
        count = counts.setdefault(key, dict.fromkeys(outcomes.values(), 0))
        count[outcomes[bool(row["actual"]), bool(row["predicted"])]] += int(row["profiles"])
    header = [heading("Protocol"), heading("Model"), heading("Features")]
    header += [
        number_heading("Found", "true positives"),
        number_heading("Missed", "false negatives"),
        number_heading("False alarms", "false positives"),
        number_heading("Correctly rejected", "true negatives"),
    ]
    rows = [
        [
            text_cell(list(PROTOCOLS)[protocol]),
            row_heading(_model_label(model)),
            text_cell(spaced(feature_set)),
            *(number_cell(format_count(counts[protocol, feature_set, model][name])) for name in outcomes.values()),
        ]
        for protocol, feature_set, model in sorted(counts)
    ]
    return simple_table("Creators by label and prediction", header, rows)


def _importance_table(study: StudyTables) -> Table | None:
    if study.importances.empty:
        return None
    run = ["protocol", "feature_set", "model", "method"]
    ordered = study.importances.sort_values(["importance", "feature"], ascending=[False, True], kind="stable")
    top = ordered.groupby(run, sort=True).head(_TOP_FEATURES).sort_values(run, kind="stable")
    header = [heading(name) for name in ("Protocol", "Model", "Features", "Method", "Feature")]
    rows = [
        [
            text_cell(row["protocol"]),
            text_cell(_model_label(row["model"])),
            text_cell(spaced(row["feature_set"])),
            text_cell(spaced(row["method"])),
            row_heading(feature_label(row["feature"])),
            number_cell(format_mean(row["importance"], row["std"])),
        ]
        for row in to_records(top, "std")
    ]
    return simple_table(
        "The most important features of each model, by method", [*header, number_heading("Importance")], rows
    )
