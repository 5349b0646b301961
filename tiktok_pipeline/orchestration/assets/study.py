"""The assets of one study, made from its record: scores of k, the model, assignments, personas."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pandas as pd
from dagster import AssetExecutionContext, AssetsDefinition, Output, multi_asset

from tiktok_pipeline.analysis.fit_sample import FitSample
from tiktok_pipeline.analysis.segmentation import (
    assign_study,
    build_personas,
    fit_study,
    measure_stability,
    score_study,
)
from tiktok_pipeline.clusters.effect_size import fit_statistics
from tiktok_pipeline.clusters.model import TooFewRowsError, from_frame
from tiktok_pipeline.clusters.schema import K_SCORES_TABLE, MODELS_TABLE
from tiktok_pipeline.clusters.stability import StabilityResult
from tiktok_pipeline.frames import to_pandas
from tiktok_pipeline.orchestration.assets.classifiers import classifier_assets
from tiktok_pipeline.orchestration.metadata import table_in, table_out
from tiktok_pipeline.orchestration.partitions import SNAPSHOTS
from tiktok_pipeline.personas.summarise import recommendations
from tiktok_pipeline.plots.stability import plot_k_scores, plot_seeds, plot_stability_by_k
from tiktok_pipeline.recipes.segmentation import Segmentation
from tiktok_pipeline.reports.persona_figures import persona_figures
from tiktok_pipeline.study import Study
from tiktok_pipeline.tables import TABLES
from tiktok_pipeline.warehouse.base import Warehouse

Frame = Any


def study_assets(study: Study) -> list[AssetsDefinition]:
    """All assets of a study; which there are follows from the parts that its record has."""
    assets: list[AssetsDefinition] = []
    if study.segmentation is not None:
        assets += [
            _k_scores(study),
            _model(study),
            _stability(study, study.segmentation),
            _assignments(study),
            _personas(study, study.segmentation),
        ]
    if study.classification is not None:
        assets.append(classifier_assets(study, study.classification))
    return [*assets, _recommendations(study)]


def _settings(study: Study, name: str) -> dict[str, Any]:
    return {
        "name": f"{study.name}_{name}",
        "partitions_def": SNAPSHOTS,
        "group_name": study.name,
        "required_resource_keys": {"warehouse", "pictures", "samples"},
    }


def _k_scores(study: Study) -> AssetsDefinition:
    out = table_out("clusters.k_scores", study=study.name, kinds={"scikitlearn"}, code_version=study.version)

    @multi_asset(
        ins={"features": table_in(f"features.{study.source}")}, outs={"k_scores": out}, **_settings(study, "k_scores")
    )
    def k_scores(context: AssetExecutionContext, features: Frame) -> Output[Any]:
        try:
            scores = score_study(_fit_sample(context, study, features), context.resources.warehouse)
        except TooFewRowsError as problem:
            context.log.warning(f"{study.name}: no k could be scored: {problem}")
            return Output(
                pd.DataFrame(columns=K_SCORES_TABLE.frame_names), "k_scores", metadata={"why_empty": str(problem)}
            )
        shown = _pictures(
            context, study, "a_k_scores", lambda: {"elbow_and_silhouette": plot_k_scores(scores, study.name)}
        )
        return Output(scores, "k_scores", metadata=shown)

    return k_scores


def _model(study: Study) -> AssetsDefinition:
    outs = {
        name: table_out(f"clusters.{name}", study=study.name, kinds={"scikitlearn"}, code_version=study.version)
        for name in ("models", "fits")
    }

    @multi_asset(ins={"features": table_in(f"features.{study.source}")}, outs=outs, **_settings(study, "model"))
    def model(context: AssetExecutionContext, features: Frame) -> tuple[Output[Any], Output[Any]]:
        try:
            models, fits = fit_study(_fit_sample(context, study, features), context.resources.warehouse)
        except TooFewRowsError as problem:
            context.log.warning(f"{study.name}: no model could be fitted: {problem}")
            why = {"why_empty": str(problem)}
            empty = pd.DataFrame(columns=MODELS_TABLE.frame_names)
            none = fit_statistics({"rows_in_fit": 0.0}, note=str(problem))
            return Output(empty, "models", metadata=why), Output(none, "fits", metadata=why)
        kept = {"inertia", "silhouette", "rows_in_fit"}
        shown = {row["statistic"]: row["value"] for row in fits.to_dict("records") if row["statistic"] in kept}
        return Output(models, "models"), Output(fits, "fits", metadata=shown)

    return model


def _stability(study: Study, segmentation: Segmentation) -> AssetsDefinition:
    outs = {
        name: table_out(f"clusters.{name}", study=study.name, kinds={"scikitlearn"}, code_version=study.version)
        for name in ("stability", "stability_runs")
    }

    @multi_asset(
        ins={
            "features": table_in(f"features.{study.source}"),
            "models": table_in("clusters.models", study.name),
        },
        outs=outs,
        **_settings(study, "stability"),
    )
    def stability(context: AssetExecutionContext, features: Frame, models: Frame) -> tuple[Output[Any], Output[Any]]:
        warehouse = context.resources.warehouse
        slice_ = {"snapshot": context.partition_key, "study": study.name}
        stored = (
            to_pandas(warehouse.read_slice(TABLES[f"clusters.{name}"].spec, slice_))
            for name in ("stability", "stability_runs")
        )
        model = from_frame(to_pandas(models))
        sample = _fit_sample(context, study, features)
        result = measure_stability(sample, model, warehouse, known=StabilityResult(*stored))
        shown = _pictures(context, study, "b_stability", lambda: _stability_figures(result, segmentation))
        return Output(result.stability, "stability"), Output(result.runs, "stability_runs", metadata=shown)

    return stability


def _stability_figures(result: StabilityResult, segmentation: Segmentation) -> dict[str, Any]:
    if result.runs.empty:
        return {}
    return {"stability_by_k": plot_stability_by_k(result.runs, segmentation.k), "seeds": plot_seeds(result.runs)}


def _fit_sample(context: AssetExecutionContext, study: Study, features: Frame) -> FitSample:
    """Return what the study's model is fitted on; the assets of a run share it."""
    sample: FitSample = context.resources.samples.for_fit(features, snapshot=context.partition_key, study=study)
    return sample


def _pictures(
    context: AssetExecutionContext, study: Study, step: str, draw: Callable[[], dict[str, Any]]
) -> dict[str, Any]:
    pictures = context.resources.pictures
    shown: dict[str, Any] = pictures.replace(context.partition_key, group=study.name, step=step, draw=draw)
    return shown


def _assignments(study: Study) -> AssetsDefinition:
    @multi_asset(
        ins={
            "features": table_in(f"features.{study.source}"),
            "models": table_in("clusters.models", study.name),
        },
        outs={"assignments": table_out("clusters.assignments", study=study.name, code_version=study.version)},
        **_settings(study, "assignments"),
    )
    def assignments(context: AssetExecutionContext, features: Frame, models: Frame) -> Output[Any]:
        sample, model = _fit_sample(context, study, features), from_frame(to_pandas(models))
        return Output(assign_study(sample, model, context.resources.warehouse), "assignments")

    return assignments


def _personas(study: Study, segmentation: Segmentation) -> AssetsDefinition:
    outs = {
        name: table_out(f"personas.{name}", study=study.name, kinds={"pandas"}, code_version=study.version)
        for name in ("summaries", "features")
    }

    @multi_asset(
        ins={
            "features": table_in(f"features.{study.source}"),
            **{
                name: table_in(f"clusters.{name}", study.name)
                for name in ("models", "fits", "stability", "assignments")
            },
        },
        outs=outs,
        **_settings(study, "personas"),
    )
    def personas(
        context: AssetExecutionContext, features: Frame, assignments: Frame, **clusters: Frame
    ) -> tuple[Output[Any], Output[Any]]:
        del assignments  # build_personas assigns again: that costs less than a join with the stored assignments
        engine: Warehouse = context.resources.warehouse
        model = from_frame(to_pandas(clusters["models"]))
        stability, fits = to_pandas(clusters["stability"]), to_pandas(clusters["fits"])
        tables = build_personas(_fit_sample(context, study, features), model, stability, fits, engine)
        figures = partial(
            persona_figures, study, segmentation, tables, model=model, stability=stability, engine=engine
        )
        shown = _pictures(context, study, "c_personas", figures)
        engine.unpersist_all()
        of_features = {"snake", "relative_importance"}
        return (
            Output(
                tables.summaries, "summaries", metadata={key: shown[key] for key in shown if key not in of_features}
            ),
            Output(tables.features, "features", metadata={key: shown[key] for key in shown if key in of_features}),
        )

    return personas


def _recommendations(study: Study) -> AssetsDefinition:
    out = table_out("personas.recommendations", study=study.name, kinds={"pandas"}, code_version=study.version)
    before = (
        table_in("personas.summaries", study.name) if study.segmentation else table_in(f"features.{study.source}")
    )
    catalogue = study.segmentation.personas if study.segmentation else None

    @multi_asset(
        ins={"before": before},
        outs={"recommendations": out},
        **_settings(study, "recommendations"),
    )
    def advice(before: Frame) -> Output[Any]:
        del before  # it comes after them in the graph; the advice itself is the study's
        return Output(recommendations(catalogue, study.recommendations), "recommendations")

    return advice
