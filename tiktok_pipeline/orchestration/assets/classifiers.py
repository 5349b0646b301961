"""The assets of a study that has a classification: the evaluation of its models, the leakage audit, the scores."""

from collections.abc import Iterator
from typing import Any

import pandas as pd
from dagster import AssetExecutionContext, AssetsDefinition, Output, ResourceParam, multi_asset

from tiktok_pipeline.analysis.classification import classify_study, score_creators
from tiktok_pipeline.classifiers.evaluation import Evaluation, empty_evaluation
from tiktok_pipeline.classifiers.labels import NotEnoughRowsError
from tiktok_pipeline.classifiers.schema import LEAKAGE_TABLE
from tiktok_pipeline.orchestration.metadata import Frame, numbers, table_in, table_out
from tiktok_pipeline.orchestration.partitions import SNAPSHOTS
from tiktok_pipeline.orchestration.resources.figures import FigureStore
from tiktok_pipeline.plots.classifiers import (
    plot_average_precision,
    plot_calibration,
    plot_confusions,
    plot_importances,
    plot_mutual_information,
    plot_precision_recall,
    plot_thresholds,
)
from tiktok_pipeline.recipes.classification import Classification
from tiktok_pipeline.study import Study
from tiktok_pipeline.warehouse.base import Warehouse

TABLES = ("metrics", "confusion", "importances", "curves", "models", "cards", "scores", "leakage", "feature_sets")

_FIGURES_OF_TABLE = {
    "metrics": ("average_precision",),
    "confusion": ("confusions",),
    "importances": ("mutual_information", "importances"),
    "curves": ("precision_recall", "thresholds", "calibration"),
}
"""Which figures Dagster's UI shows beside which table."""


def classifier_assets(study: Study, classification: Classification, *, processes: int = 1) -> AssetsDefinition:
    """Return one asset for each table of the classification.

    One step computes all of them, so that each fold is fitted once. ``processes`` models are fitted at the same time.
    """

    @multi_asset(
        name=f"{study.name}_classifiers",
        ins={"features": table_in(f"features.{study.source}")},
        outs={name: table_out(f"classifiers.{name}", study=study, kinds={"scikitlearn"}) for name in TABLES},
        partitions_def=SNAPSHOTS,
        group_name=study.name,
    )
    def classifiers(
        context: AssetExecutionContext,
        features: Frame,
        *,
        warehouse: ResourceParam[Warehouse],
        figures: ResourceParam[FigureStore],
    ) -> Iterator[Output[Any]]:
        try:
            evaluation, leakage = classify_study(features, classification, warehouse, processes=processes)
        except NotEnoughRowsError as error:
            context.log.warning(f"{study.name}: no classifier was evaluated: {error}")
            evaluation, leakage = empty_evaluation(str(error)), pd.DataFrame(columns=LEAKAGE_TABLE.frame_names)
        for card in evaluation.cards[evaluation.cards["item"] == "missing"].to_dict("records"):
            context.log.warning(f"{study.name}: {card['value']}")
        pngs = figures.replace(
            context.partition_key,
            group=study.name,
            step="e_classifiers",
            plot=lambda: _plot(evaluation, classification),
        )
        tables = {
            "metrics": evaluation.metrics,
            "confusion": evaluation.confusion,
            "importances": evaluation.importances,
            "curves": evaluation.curves,
            "models": evaluation.models,
            "cards": evaluation.cards,
            "scores": score_creators(features, evaluation, warehouse),
            "leakage": leakage,
            "feature_sets": evaluation.feature_sets,
        }
        measured = {"metrics": _scoring_model_metrics(evaluation.metrics, classification)}
        for name in TABLES:
            shown = {figure: pngs[figure] for figure in _FIGURES_OF_TABLE.get(name, ()) if figure in pngs}
            yield Output(tables[name], name, metadata={**measured.get(name, {}), **shown})

    return classifiers


def _scoring_model_metrics(metrics: pd.DataFrame, classification: Classification) -> dict[str, float | None]:
    """Return the cross-validated average precision of the model that scores creators."""
    feature_set, model = classification.scored_by
    rows = metrics[
        (metrics["protocol"] == "honest")
        & (metrics["feature_set"] == feature_set)
        & (metrics["model"] == model)
        & (metrics["metric"] == "average_precision")
    ]
    return numbers(scoring_model_average_precision=rows["value"].iloc[0] if len(rows) else None)


def _plot(evaluation: Evaluation, classification: Classification) -> dict[str, Any]:
    if evaluation.metrics.empty:
        return {}
    judged = evaluation.feature_sets
    naive = judged.loc[judged["gives_label_away"].astype(bool), "feature_set"].tolist()
    chosen = judged.dropna(subset=["headline_model"])
    headline = tuple(chosen[["feature_set", "headline_model"]].iloc[0]) if len(chosen) else None
    scored_by = classification.scored_by
    shown = headline or scored_by
    declared = [feature_set.name for feature_set in classification.sets if feature_set.leaks]
    curves = evaluation.curves
    return {
        "average_precision": plot_average_precision(evaluation.metrics, naive=naive, headline=headline),
        "precision_recall": plot_precision_recall(curves, naive=naive, scored_by=shown),
        "thresholds": plot_thresholds(curves, evaluation.metrics, naive=declared, scored_by=scored_by),
        "calibration": plot_calibration(curves, naive=naive, scored_by=scored_by),
        "confusions": plot_confusions(evaluation.confusion, naive=naive, scored_by=shown),
        "mutual_information": plot_mutual_information(evaluation.importances),
        "importances": plot_importances(evaluation.importances, scored_by=scored_by),
    }
