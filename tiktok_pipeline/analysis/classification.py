"""The steps of a classification on one frame: label the rows, evaluate the models, score every creator."""

from __future__ import annotations

from typing import Any

import narwhals as nw
import pandas as pd
import pyarrow as pa

from tiktok_pipeline.classifiers.evaluation import Evaluation, run_protocols
from tiktok_pipeline.classifiers.labels import Flags, NotEnoughRowsError, label_threshold, positives
from tiktok_pipeline.classifiers.leakage import audit
from tiktok_pipeline.classifiers.scoring_model import score
from tiktok_pipeline.features.sample import collect_sample
from tiktok_pipeline.recipes.classification import Classification
from tiktok_pipeline.warehouse.base import Engine


def classify_study(
    features: nw.LazyFrame[Any], classification: Classification, engine: Engine
) -> tuple[Evaluation, pd.DataFrame]:
    """Judge the study's classifiers, and audit their features: the evaluation, and rows of ``classifiers.leakage``.

    Raises `tiktok_pipeline.classifiers.labels.NotEnoughRowsError` where one kind is too rare.
    """
    rows, labels = labelled_rows(features, classification, engine)
    evaluation = run_protocols(rows, labels, classification)
    leakage = audit(
        rows,
        labels,
        published=classification.published.features,
        audited=classification.audited,
        random_state=classification.random_state,
    )
    return evaluation, leakage


def labelled_rows(
    features: nw.LazyFrame[Any], classification: Classification, engine: Engine
) -> tuple[pd.DataFrame, Flags]:
    """A bounded sample of the profiles of which the label is known, in source order, and their labels.

    Raises `tiktok_pipeline.classifiers.labels.NotEnoughRowsError` where there is none.
    """
    label = classification.label
    threshold = label_threshold(features, label)
    if threshold is None:
        msg = f"no profile has a value of {label.feature}, of which the label is made"
        raise NotEnoughRowsError(msg)
    known = features.filter(~nw.col(label.feature).is_null())
    rows = collect_sample(known, classification.every_feature, max_rows=classification.max_rows, engine=engine)
    return rows, positives(rows[label.feature], label, threshold)


def score_creators(
    features: nw.LazyFrame[Any], evaluation: Evaluation, engine: Engine
) -> nw.LazyFrame[Any] | pd.DataFrame:
    """Rows of ``classifiers.scores`` for every profile: out of fold where the label was known, else by the model."""
    if evaluation.model is None:
        return evaluation.out_of_fold
    held_out = engine.persist(pa.Table.from_pandas(evaluation.out_of_fold, preserve_index=False))
    others = features.join(held_out.select("account_id"), on="account_id", how="anti")
    return nw.concat([held_out, score(others, evaluation.model)], how="vertical")
