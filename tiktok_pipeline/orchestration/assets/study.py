"""The assets of one study, built from its `Study` record: scores of k, model, stability, assignments, personas.

All assets of a study are in the group of its name. The steps themselves are `tiktok_pipeline.analysis.segmentation`.
"""

from functools import partial
from typing import Any

import pandas as pd
from dagster import AssetExecutionContext, AssetsDefinition, Output, ResourceParam, multi_asset

from tiktok_pipeline.analysis.continuous_fit import start_of
from tiktok_pipeline.analysis.earlier_fit import read_earlier_fit
from tiktok_pipeline.analysis.persona_rules import persona_rules
from tiktok_pipeline.analysis.segmentation import (
    assign_study,
    build_personas,
    carried_names,
    fit_study,
    measure_stability,
    score_study,
)
from tiktok_pipeline.clusters.effect_size import fit_statistics
from tiktok_pipeline.clusters.model import TooFewRowsError, from_frame
from tiktok_pipeline.clusters.schema import (
    CONTINUITY_TABLE,
    K_SCORES_TABLE,
    MODELS_TABLE,
    STABILITY_RUNS_TABLE,
    STABILITY_TABLE,
)
from tiktok_pipeline.clusters.stability import StabilityResult
from tiktok_pipeline.frames import to_pandas
from tiktok_pipeline.orchestration.assets.classifiers import classifier_assets
from tiktok_pipeline.orchestration.assets.migration import migration_assets
from tiktok_pipeline.orchestration.metadata import Frame, numbers, table_in, table_out
from tiktok_pipeline.orchestration.partitions import SNAPSHOTS
from tiktok_pipeline.orchestration.resources.figures import FigureStore
from tiktok_pipeline.orchestration.resources.samples import Samples
from tiktok_pipeline.personas.summarize import recommendations
from tiktok_pipeline.plots.stability import plot_k_scores, plot_seeds, plot_stability_by_k
from tiktok_pipeline.reports.persona_figures import persona_figures
from tiktok_pipeline.study import Study
from tiktok_pipeline.warehouse.base import Warehouse

_FIT_STATISTICS = ("inertia", "silhouette", "rows_in_fit")
"""The statistics of a fit that Dagster plots."""

_FEATURE_FIGURES = {"snake", "relative_importance"}
"""The figures that Dagster's UI shows beside ``personas.features``; the others are beside ``personas.summaries``."""


def study_assets(study: Study, *, processes: int = 1) -> list[AssetsDefinition]:
    """Return all assets of a study: those of its segmentation, of its classification, and its advice.

    ``processes`` models are fitted at the same time, each in a process of its own.
    """
    assets: list[AssetsDefinition] = []
    if study.segmentation is not None:
        assets += [
            _k_scores(study),
            _model(study),
            _stability(study, processes=processes),
            _assignments(study),
            _personas(study),
            migration_assets(study),
        ]
    if study.classification is not None:
        assets.append(classifier_assets(study, study.classification, processes=processes))
    return [*assets, _recommendations(study)]


def _in_group(study: Study, step: str) -> dict[str, Any]:
    return {"name": f"{study.name}_{step}", "partitions_def": SNAPSHOTS, "group_name": study.name}


def _k_scores(study: Study) -> AssetsDefinition:
    @multi_asset(
        ins={"features": table_in(f"features.{study.source}")},
        outs={"k_scores": table_out("clusters.k_scores", study=study, kinds={"scikitlearn"})},
        **_in_group(study, "k_scores"),
    )
    def k_scores(
        context: AssetExecutionContext,
        features: Frame,
        *,
        warehouse: ResourceParam[Warehouse],
        figures: ResourceParam[FigureStore],
        samples: ResourceParam[Samples],
    ) -> Output[Any]:
        snapshot = context.partition_key
        try:
            scores = score_study(samples.for_fit(features, snapshot=snapshot, study=study), warehouse)
        except TooFewRowsError as error:
            context.log.warning(f"{study.name}: no k was scored: {error}")
            empty = pd.DataFrame(columns=K_SCORES_TABLE.frame_names)
            return Output(empty, "k_scores", metadata={"why_empty": str(error)})
        pngs = figures.replace(
            snapshot,
            group=study.name,
            step="a_k_scores",
            plot=lambda: {"elbow_and_silhouette": plot_k_scores(scores, study.name)},
        )
        return Output(scores, "k_scores", metadata=pngs)

    return k_scores


def _model(study: Study) -> AssetsDefinition:
    @multi_asset(
        ins={"features": table_in(f"features.{study.source}")},
        outs={
            name: table_out(f"clusters.{name}", study=study, kinds={"scikitlearn"})
            for name in ("models", "fits", "continuity")
        },
        **_in_group(study, "model"),
    )
    def model(
        context: AssetExecutionContext,
        features: Frame,
        *,
        warehouse: ResourceParam[Warehouse],
        samples: ResourceParam[Samples],
    ) -> tuple[Output[Any], Output[Any], Output[Any]]:
        snapshot = context.partition_key
        try:
            inputs = samples.for_fit(features, snapshot=snapshot, study=study)
            earlier = read_earlier_fit(warehouse, study, snapshot, inputs.segmentation)
            models, fits, continuity = fit_study(inputs, warehouse, earlier)
        except TooFewRowsError as error:
            context.log.warning(f"{study.name}: no model was fitted: {error}")
            why_empty = {"why_empty": str(error)}
            no_model = pd.DataFrame(columns=MODELS_TABLE.frame_names)
            no_fit = fit_statistics({"rows_in_fit": 0.0}, note=str(error))
            no_continuity = pd.DataFrame(columns=CONTINUITY_TABLE.frame_names)
            return (
                Output(no_model, "models", metadata=why_empty),
                Output(no_fit, "fits", metadata=why_empty),
                Output(no_continuity, "continuity", metadata=why_empty),
            )
        statistics = {row["statistic"]: row["value"] for row in fits.to_dict("records")}
        plotted = numbers(**{name: statistics.get(name) for name in _FIT_STATISTICS})
        went_on = {"earlier_snapshot": earlier.snapshot if earlier else "none", "start": continuity["start"].iloc[0]}
        return (
            Output(models, "models"),
            Output(fits, "fits", metadata=plotted),
            Output(continuity, "continuity", metadata=went_on),
        )

    return model


def _stability(study: Study, *, processes: int) -> AssetsDefinition:
    @multi_asset(
        ins={
            "features": table_in(f"features.{study.source}"),
            "models": table_in("clusters.models", study),
            "continuity": table_in("clusters.continuity", study),
        },
        outs={
            name: table_out(f"clusters.{name}", study=study, kinds={"scikitlearn"})
            for name in ("stability", "stability_runs")
        },
        **_in_group(study, "stability"),
    )
    def stability(
        context: AssetExecutionContext,
        features: Frame,
        models: Frame,
        continuity: Frame,
        *,
        warehouse: ResourceParam[Warehouse],
        figures: ResourceParam[FigureStore],
        samples: ResourceParam[Samples],
    ) -> tuple[Output[Any], Output[Any]]:
        snapshot = context.partition_key
        slice_ = {"snapshot": snapshot, "study": study.name}
        known = StabilityResult(
            *(to_pandas(warehouse.read_slice(table, slice_)) for table in (STABILITY_TABLE, STABILITY_RUNS_TABLE))
        )
        inputs = samples.for_fit(features, snapshot=snapshot, study=study)
        model = from_frame(to_pandas(models))
        earlier = read_earlier_fit(warehouse, study, snapshot, inputs.segmentation)
        start = None if model is None else start_of(model, inputs.segmentation, to_pandas(continuity), earlier)
        result = measure_stability(inputs, model, warehouse, started_from=start, known=known, processes=processes)
        pngs = figures.replace(
            snapshot,
            group=study.name,
            step="b_stability",
            plot=lambda: _plot_stability(result, inputs.segmentation.k),
        )
        worst = numbers(worst_jaccard=result.stability["jaccard"].min() if len(result.stability) else None)
        return (
            Output(result.stability, "stability", metadata=worst),
            Output(result.runs, "stability_runs", metadata=pngs),
        )

    return stability


def _plot_stability(result: StabilityResult, k: int) -> dict[str, Any]:
    if result.runs.empty:
        return {}
    return {"stability_by_k": plot_stability_by_k(result.runs, k), "seeds": plot_seeds(result.runs)}


def _assignments(study: Study) -> AssetsDefinition:
    @multi_asset(
        ins={
            "features": table_in(f"features.{study.source}"),
            "models": table_in("clusters.models", study),
        },
        outs={"assignments": table_out("clusters.assignments", study=study)},
        **_in_group(study, "assignments"),
    )
    def assignments(
        context: AssetExecutionContext,
        features: Frame,
        models: Frame,
        *,
        warehouse: ResourceParam[Warehouse],
        samples: ResourceParam[Samples],
    ) -> Output[Any]:
        inputs = samples.for_fit(features, snapshot=context.partition_key, study=study)
        return Output(assign_study(inputs, from_frame(to_pandas(models)), warehouse), "assignments")

    return assignments


def _personas(study: Study) -> AssetsDefinition:
    @multi_asset(
        ins={
            "features": table_in(f"features.{study.source}"),
            **{
                name: table_in(f"clusters.{name}", study)
                for name in ("models", "fits", "continuity", "stability", "assignments")
            },
        },
        outs={
            name: table_out(f"personas.{name}", study=study, kinds={"pandas"})
            for name in ("summaries", "features", "rules")
        },
        **_in_group(study, "personas"),
    )
    def personas(
        context: AssetExecutionContext,
        features: Frame,
        assignments: Frame,
        *,
        warehouse: ResourceParam[Warehouse],
        figures: ResourceParam[FigureStore],
        samples: ResourceParam[Samples],
        **clusters: Frame,
    ) -> tuple[Output[Any], Output[Any], Output[Any]]:
        del assignments  # build_personas assigns again: that costs less than a join with the stored assignments
        inputs = samples.for_fit(features, snapshot=context.partition_key, study=study)
        model = from_frame(to_pandas(clusters["models"]))
        stability, fits = to_pandas(clusters["stability"]), to_pandas(clusters["fits"])
        earlier = read_earlier_fit(warehouse, study, context.partition_key, inputs.segmentation)
        carried = carried_names(to_pandas(clusters["continuity"]), earlier)
        tables = build_personas(inputs, model, stability, fits, warehouse, carried=carried)
        plot = partial(
            persona_figures, study, inputs.segmentation, tables, model=model, stability=stability, engine=warehouse
        )
        pngs = figures.replace(context.partition_key, group=study.name, step="c_personas", plot=plot)
        rules = persona_rules(inputs, tables, warehouse)
        warehouse.unpersist_all()
        of_features = {name: png for name, png in pngs.items() if name in _FEATURE_FIGURES}
        of_summaries = {name: png for name, png in pngs.items() if name not in _FEATURE_FIGURES}
        return (
            Output(tables.summaries, "summaries", metadata={**_smallest_segment(tables.summaries), **of_summaries}),
            Output(tables.features, "features", metadata=of_features),
            Output(rules, "rules"),
        )

    return personas


def _smallest_segment(summaries: pd.DataFrame) -> dict[str, float | None]:
    """Return the profiles of the smallest segment; the row without a cluster is not a segment."""
    segments = summaries.dropna(subset=["cluster"])
    return numbers(smallest_segment=segments["profiles"].min() if len(segments) else None)


def _recommendations(study: Study) -> AssetsDefinition:
    described = table_in("personas.summaries", study) if study.segmentation else table_in(f"features.{study.source}")
    catalog = study.segmentation.personas if study.segmentation else None

    @multi_asset(
        ins={"described": described},
        outs={"recommendations": table_out("personas.recommendations", study=study, kinds={"pandas"})},
        **_in_group(study, "recommendations"),
    )
    def advice(described: Frame) -> Output[Any]:
        del described  # it orders the asset in the graph; the advice is part of the study
        return Output(recommendations(catalog, study.recommendations), "recommendations")

    return advice
