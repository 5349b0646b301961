"""The assets of a study that has a classification: its evaluation, the leakage audit and the scores of creators."""

from collections.abc import Iterator
from typing import Any

import pandas as pd
from dagster import AssetExecutionContext, AssetsDefinition, Output, multi_asset

from tiktok_pipeline.analysis.classification import classify_study, score_creators
from tiktok_pipeline.classifiers.evaluation import Evaluation, empty_evaluation
from tiktok_pipeline.classifiers.labels import NotEnoughRowsError
from tiktok_pipeline.classifiers.schema import LEAKAGE_TABLE
from tiktok_pipeline.orchestration.metadata import table_in, table_out
from tiktok_pipeline.orchestration.partitions import SNAPSHOTS
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

Frame = Any
TABLES = ("metrics", "confusion", "importances", "curves", "models", "cards", "scores", "leakage")


def classifier_assets(study: Study, classification: Classification) -> AssetsDefinition:
    """One asset for each table of the classification; they come from one pass, so that no fold is fitted twice."""

    @multi_asset(
        name=f"{study.name}_classifiers",
        ins={"features": table_in(f"features.{study.source}")},
        outs={
            name: table_out(
                f"classifiers.{name}", study=study.name, kinds={"scikitlearn"}, code_version=study.version
            )
            for name in TABLES
        },
        partitions_def=SNAPSHOTS,
        group_name=study.name,
        required_resource_keys={"warehouse", "pictures"},
    )
    def classifiers(context: AssetExecutionContext, features: Frame) -> Iterator[Output[Any]]:
        warehouse = context.resources.warehouse
        try:
            evaluation, leakage = classify_study(features, classification, warehouse)
        except NotEnoughRowsError as problem:
            context.log.warning(f"{study.name}: no classifier could be judged: {problem}")
            evaluation, leakage = empty_evaluation(str(problem)), pd.DataFrame(columns=LEAKAGE_TABLE.frame_names)
        for row in evaluation.cards[evaluation.cards["item"] == "missing"].to_dict("records"):
            context.log.warning(f"{study.name}: {row['value']}")
        shown = context.resources.pictures.replace(
            context.partition_key,
            group=study.name,
            step="e_classifiers",
            draw=lambda: _figures(evaluation, classification),
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
        }
        for name in TABLES:
            kept = {key: shown[key] for key in _SHOWN_AT.get(name, ()) if key in shown}
            yield Output(tables[name], name, metadata=kept)

    return classifiers


_SHOWN_AT = {
    "metrics": ("average_precision",),
    "confusion": ("confusions",),
    "importances": ("mutual_information", "importances"),
    "curves": ("precision_recall", "thresholds", "calibration"),
}
"""Which pictures stand at which table in Dagster's UI."""


def _figures(evaluation: Evaluation, classification: Classification) -> dict[str, Any]:
    if evaluation.model is None:
        return {}
    naive = [one.name for one in classification.sets if one.leaks]
    scored_by = classification.scored_by
    curves = evaluation.curves
    return {
        "average_precision": plot_average_precision(evaluation.metrics, naive=naive),
        "precision_recall": plot_precision_recall(curves, naive=naive, scored_by=scored_by),
        "thresholds": plot_thresholds(curves, evaluation.metrics, naive=naive, scored_by=scored_by),
        "calibration": plot_calibration(curves, naive=naive, scored_by=scored_by),
        "confusions": plot_confusions(evaluation.confusion, naive=naive, scored_by=scored_by),
        "mutual_information": plot_mutual_information(evaluation.importances),
        "importances": plot_importances(evaluation.importances, scored_by=scored_by),
    }
