"""Run the whole analysis of one frame for one study, without Dagster and without a warehouse.

For notebooks and tests. The assets call the same steps one by one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import narwhals as nw
import pandas as pd

from tiktok_pipeline.analysis.classification import classify_study
from tiktok_pipeline.analysis.segmentation import (
    assign_study,
    assign_with_features,
    fit_study,
    jaccards,
    measure_stability,
    score_study,
)
from tiktok_pipeline.classifiers.evaluation import Evaluation
from tiktok_pipeline.clusters.model import (
    from_frame,
)
from tiktok_pipeline.features.build import build_features
from tiktok_pipeline.features.sample import SampledFrame, sample_frame
from tiktok_pipeline.personas.summarise import aggregate, match_personas, persona_features, summaries
from tiktok_pipeline.study import Segmentation, Study
from tiktok_pipeline.warehouse.base import Engine


@dataclass(frozen=True)
class Segments:
    """The tables of a segmentation, named as in the warehouse."""

    k_scores: pd.DataFrame
    models: pd.DataFrame
    fits: pd.DataFrame
    stability: pd.DataFrame
    stability_runs: pd.DataFrame
    assignments: nw.LazyFrame[Any]
    summaries: pd.DataFrame
    persona_features: pd.DataFrame


@dataclass(frozen=True)
class Result:
    """The tables of a study, without the slice columns; None for a part that the study does not have."""

    segments: Segments | None
    evaluation: Evaluation | None
    leakage: pd.DataFrame | None


def run_study(validated: nw.LazyFrame[Any], study: Study, *, engine: Engine) -> Result:
    """Run ``study`` over rows of ``validated.<source>``; ``engine`` is the one that the frame lives in.

    Raises `tiktok_pipeline.clusters.model.TooFewRowsError` where the rows do not suffice for the study's k, and
    `tiktok_pipeline.classifiers.labels.NotEnoughRowsError` where they do not for its classifiers.
    """
    features = engine.persist(build_features(validated, study.source))
    segments = (
        _segments(sample_frame(features, engine), study, study.segmentation, engine) if study.segmentation else None
    )
    evaluation, leakage = (
        classify_study(features, study.classification, engine) if study.classification else (None, None)
    )
    return Result(segments, evaluation, leakage)


def _segments(drawn: SampledFrame, study: Study, segmentation: Segmentation, engine: Engine) -> Segments:
    models, fits = fit_study(drawn, segmentation, engine)
    model = from_frame(models)
    assignments = engine.persist(assign_study(drawn.rows, drawn, model, segmentation, engine))
    aggregates = aggregate(*assign_with_features(drawn, model, study, engine), study.described_features)
    matches = match_personas(aggregates, segmentation.personas)
    trust = measure_stability(drawn, model, segmentation, engine)
    return Segments(
        k_scores=score_study(drawn, segmentation, engine),
        models=models,
        fits=fits,
        stability=trust.stability,
        stability_runs=trust.runs,
        assignments=assignments,
        summaries=summaries(aggregates, matches, jaccards(trust.stability)),
        persona_features=persona_features(aggregates, matches),
    )
