"""Run the whole analysis of one frame for one study, without Dagster and without a warehouse.

For notebooks and tests. The assets call the same steps one by one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import narwhals as nw
import pandas as pd

from tiktok_pipeline.analysis.classification import classify_study
from tiktok_pipeline.analysis.continuous_fit import start_of
from tiktok_pipeline.analysis.fit_inputs import FitInputs, build_fit_inputs
from tiktok_pipeline.analysis.segmentation import (
    assign_study,
    build_personas,
    fit_study,
    measure_stability,
    score_study,
)
from tiktok_pipeline.classifiers.evaluation import Evaluation
from tiktok_pipeline.clusters.model import from_frame
from tiktok_pipeline.features.build import build_features
from tiktok_pipeline.features.sample import sample_frame
from tiktok_pipeline.study import Study
from tiktok_pipeline.warehouse.base import Engine


@dataclass(frozen=True)
class Segments:
    """The tables of a segmentation, named as in the warehouse."""

    k_scores: pd.DataFrame
    models: pd.DataFrame
    fits: pd.DataFrame
    continuity: pd.DataFrame
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
    """Run a study over one frame.

    Parameters
    ----------
    validated : LazyFrame
        Rows of ``validated.<source>``.
    study : Study
        The study.
    engine : Engine
        The engine that holds the frame.

    Returns
    -------
    Result
        The tables of the study.

    Raises
    ------
    TooFewRowsError
        If there are fewer distinct rows than the study's k.
    NotEnoughRowsError
        If there are too few labeled rows for the study's classifiers.
    """
    features = engine.persist(build_features(validated, study.source))
    segments = None
    if study.segmentation is not None:
        segments = _segments(build_fit_inputs(sample_frame(features, engine), study, engine), engine)
    evaluation, leakage = (
        classify_study(features, study.classification, engine) if study.classification else (None, None)
    )
    return Result(segments, evaluation, leakage)


def _segments(inputs: FitInputs, engine: Engine) -> Segments:
    models, fits, continuity = fit_study(inputs, engine)
    model = from_frame(models)
    start = None if model is None else start_of(model, inputs.segmentation, continuity, None)
    stability = measure_stability(inputs, model, engine, started_from=start)
    personas = build_personas(inputs, model, stability.stability, fits, engine)
    return Segments(
        k_scores=score_study(inputs, engine),
        models=models,
        fits=fits,
        continuity=continuity,
        stability=stability.stability,
        stability_runs=stability.runs,
        assignments=engine.persist(assign_study(inputs, model, engine)),
        summaries=personas.summaries,
        persona_features=personas.features,
    )
