"""The assets of one study, made from its record: scores of k, the model, assignments, personas."""

from typing import Any

import pandas as pd
from dagster import AssetExecutionContext, AssetsDefinition, Output, multi_asset

from tiktok_pipeline.clusters.explained import figures
from tiktok_pipeline.clusters.model import TooFewRowsError, from_rows
from tiktok_pipeline.clusters.schema import K_SCORES_TABLE, MODELS_TABLE
from tiktok_pipeline.features.sample import take
from tiktok_pipeline.orchestration.metadata import picture, table_in, table_out
from tiktok_pipeline.orchestration.partitions import SNAPSHOTS
from tiktok_pipeline.personas.summarise import aggregate, match_personas, persona_features, recommendations, summaries
from tiktok_pipeline.reports.plots import draw_k_scores, draw_personas
from tiktok_pipeline.run_study import assign_study, fit_study, score_study
from tiktok_pipeline.study import Segmentation, Study

Frame = Any
PLOTTED_PROFILES = 5_000


def study_assets(study: Study) -> list[AssetsDefinition]:
    """All assets of a study; which there are follows from the parts that its record has."""
    if study.segmentation is None:
        return []
    return [
        _k_scores(study, study.segmentation),
        _model(study, study.segmentation),
        _assignments(study, study.segmentation),
        _personas(study, study.segmentation),
        _recommendations(study, study.segmentation),
    ]


def _settings(study: Study, name: str) -> dict[str, Any]:
    return {
        "name": f"{study.name}_{name}",
        "partitions_def": SNAPSHOTS,
        "group_name": study.name,
        "required_resource_keys": {"warehouse"},
    }


def _k_scores(study: Study, segmentation: Segmentation) -> AssetsDefinition:
    out = table_out("clusters.k_scores", study=study.name, kinds={"scikitlearn"}, code_version=study.version)

    @multi_asset(
        ins={"features": table_in(f"features.{study.source}")}, outs={"k_scores": out}, **_settings(study, "k_scores")
    )
    def k_scores(context: AssetExecutionContext, features: Frame) -> Output[Any]:
        try:
            scores = score_study(features, segmentation, context.resources.warehouse)
        except TooFewRowsError as problem:
            context.log.warning(f"{study.name}: no k could be scored: {problem}")
            return Output(
                pd.DataFrame(columns=K_SCORES_TABLE.frame_names), "k_scores", metadata={"why_empty": str(problem)}
            )
        return Output(
            scores, "k_scores", metadata={"elbow_and_silhouette": picture(draw_k_scores(scores, study.name))}
        )

    return k_scores


def _model(study: Study, segmentation: Segmentation) -> AssetsDefinition:
    outs = {
        name: table_out(f"clusters.{name}", study=study.name, kinds={"scikitlearn"}, code_version=study.version)
        for name in ("models", "fits")
    }

    @multi_asset(ins={"features": table_in(f"features.{study.source}")}, outs=outs, **_settings(study, "model"))
    def model(context: AssetExecutionContext, features: Frame) -> tuple[Output[Any], Output[Any]]:
        try:
            models, fits = fit_study(features, segmentation, context.resources.warehouse)
        except TooFewRowsError as problem:
            context.log.warning(f"{study.name}: no model could be fitted: {problem}")
            why = {"why_empty": str(problem)}
            empty = pd.DataFrame(columns=MODELS_TABLE.frame_names)
            return Output(empty, "models", metadata=why), Output(figures({"rows_in_fit": 0.0}), "fits", metadata=why)
        kept = {"inertia", "silhouette", "rows_in_fit"}
        shown = {row["statistic"]: row["value"] for row in fits.to_dict("records") if row["statistic"] in kept}
        return Output(models, "models"), Output(fits, "fits", metadata=shown)

    return model


def _assignments(study: Study, segmentation: Segmentation) -> AssetsDefinition:
    @multi_asset(
        ins={
            "features": table_in(f"features.{study.source}"),
            "models": table_in("clusters.models", study.name),
        },
        outs={"assignments": table_out("clusters.assignments", study=study.name, code_version=study.version)},
        **_settings(study, "assignments"),
    )
    def assignments(context: AssetExecutionContext, features: Frame, models: Frame) -> Output[Any]:
        model = from_rows(models.collect("pandas").to_native())
        return Output(assign_study(features, model, segmentation, context.resources.warehouse), "assignments")

    return assignments


def _personas(study: Study, segmentation: Segmentation) -> AssetsDefinition:
    outs = {
        name: table_out(f"personas.{name}", study=study.name, kinds={"pandas"}, code_version=study.version)
        for name in ("summaries", "features")
    }

    @multi_asset(
        ins={
            "features": table_in(f"features.{study.source}"),
            "assignments": table_in("clusters.assignments", study.name),
        },
        outs=outs,
        **_settings(study, "personas"),
    )
    def personas(
        context: AssetExecutionContext, features: Frame, assignments: Frame
    ) -> tuple[Output[Any], Output[Any]]:
        aggregates = aggregate(features, assignments, study.described_features)
        matches = match_personas(aggregates, segmentation.personas)
        summary = summaries(aggregates, matches)
        shown: dict[str, Any] = {}
        if study.source == "profiles" and len(summary):
            joined = features.join(assignments.select("account_id", "cluster"), on="account_id", how="inner")
            columns = ("followers", "avg_engagement_rate", "cluster")
            points = take(joined, columns, max_rows=PLOTTED_PROFILES, engine=context.resources.warehouse)
            names = {cluster: match.name for cluster, match in matches.items()}
            known = [persona.name for persona in segmentation.personas.personas]
            shown["followers_and_engagement"] = picture(draw_personas(points, names, study.name, known))
        return Output(summary, "summaries", metadata=shown), Output(persona_features(aggregates, matches), "features")

    return personas


def _recommendations(study: Study, segmentation: Segmentation) -> AssetsDefinition:
    out = table_out("personas.recommendations", study=study.name, kinds={"pandas"}, code_version=study.version)

    @multi_asset(
        ins={"summaries": table_in("personas.summaries", study.name)},
        outs={"recommendations": out},
        **_settings(study, "recommendations"),
    )
    def advice(summaries: Frame) -> Output[Any]:
        del summaries  # it comes after them in the graph; the advice itself is the study's
        return Output(recommendations(segmentation.personas, study.recommendations), "recommendations")

    return advice
