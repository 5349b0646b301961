"""The steps of a classification on one frame: label the rows, evaluate the models, score every creator."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import narwhals as nw
import pandas as pd
import pyarrow as pa

from tiktok_pipeline.analysis.fit_inputs import columns_without_values
from tiktok_pipeline.classifiers.evaluation import Evaluation, run_protocols
from tiktok_pipeline.classifiers.feature_sets import judge_feature_sets
from tiktok_pipeline.classifiers.labels import Flags, NotEnoughRowsError, label_threshold, positives
from tiktok_pipeline.classifiers.leakage import audit
from tiktok_pipeline.classifiers.scoring_model import score
from tiktok_pipeline.features.sample import collect_sample
from tiktok_pipeline.recipes.classification import Classification
from tiktok_pipeline.study import lacks
from tiktok_pipeline.warehouse.base import Engine


def classify_study(
    features: nw.LazyFrame[Any], classification: Classification, engine: Engine, *, processes: int = 1
) -> tuple[Evaluation, pd.DataFrame]:
    """Evaluate the study's classifiers, and audit their features for leakage.

    Parameters
    ----------
    features : LazyFrame
        Rows of ``features.<source>``.
    classification : Classification
        The settings of the study.
    engine : Engine
        The engine that holds the frame.
    processes : int, default 1
        Models fitted at the same time.

    Returns
    -------
    evaluation : Evaluation
        The tables of the classifiers, and the model that scores creators.
    leakage : DataFrame
        Rows of ``classifiers.leakage``.

    Raises
    ------
    NotEnoughRowsError
        If one class has too few labeled profiles.
    """
    rows, labels = labeled_rows(features, classification, engine)
    evaluation = run_protocols(rows, labels, classification, processes=processes)
    behind_label = classification.label.feature
    of_sets = [
        name
        for feature_set in classification.sets
        if not feature_set.leaks
        for name in feature_set.features
        if name != behind_label
    ]
    leakage = audit(
        rows,
        labels,
        published=classification.published.features,
        audited=(*classification.audited, *of_sets),
        random_state=classification.random_state,
        behind_label=behind_label,
    )
    judged = judge_feature_sets(rows, leakage, evaluation.metrics, classification)
    return replace(evaluation, feature_sets=judged), leakage


def labeled_rows(
    features: nw.LazyFrame[Any], classification: Classification, engine: Engine
) -> tuple[pd.DataFrame, Flags]:
    """Return a bounded sample of the profiles with a known label, in source order, and their labels.

    Raises
    ------
    NotEnoughRowsError
        If no profile has a value of the feature that defines the label.
    """
    label = classification.label
    threshold = label_threshold(features, label)
    known = features.filter(~nw.col(label.feature).is_null())
    rows = collect_sample(known, classification.every_feature, max_rows=classification.max_rows, engine=engine)
    if threshold is None or rows.empty:
        missing = columns_without_values(features, [label.feature])
        # A ratio can be unknown although its columns are filled, such as likes per video of creators without videos.
        no_value = f"no profile has a value of {label.feature}, which defines the label"
        raise NotEnoughRowsError(lacks(missing) if missing else no_value)
    return rows, positives(rows[label.feature], label, threshold)


def score_creators(
    features: nw.LazyFrame[Any], evaluation: Evaluation, engine: Engine
) -> nw.LazyFrame[Any] | pd.DataFrame:
    """Return rows of ``classifiers.scores`` for every profile.

    Labeled profiles of the sample have the score of a model that was fitted without them; all others have the score
    of the final model.
    """
    if evaluation.model is None:
        return evaluation.out_of_fold
    held_out = engine.persist(pa.Table.from_pandas(evaluation.out_of_fold, preserve_index=False))
    others = features.join(held_out.select("account_id"), on="account_id", how="anti")
    return nw.concat([held_out, score(others, evaluation.model)], how="vertical")
