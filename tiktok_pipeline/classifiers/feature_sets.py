"""Which feature sets give the label away, and which result stands for the study.

A set gives the label away if it holds a feature that the audit flagged, or rebuilds one: the logarithm of a ratio of
counts is a sum of the logarithms of the counts. The result that stands for the study is decided before any test fold
is looked at: the first set of the study that gives nothing away, with the first model of that set.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from tiktok_pipeline.arrays import Vector
from tiktok_pipeline.classifiers.leakage import filled_column
from tiktok_pipeline.classifiers.schema import FEATURE_SETS_TABLE
from tiktok_pipeline.recipes.classification import Classification, FeatureSet

REBUILT_R_SQUARED = 0.95
"""A set rebuilds a feature if a linear model of logarithms explains this share of its variance."""

CLEAR = "No feature of it, and no combination of logarithms, was found to give the label away."


def judge_feature_sets(
    rows: pd.DataFrame, leakage: pd.DataFrame, metrics: pd.DataFrame, classification: Classification
) -> pd.DataFrame:
    """Return rows of ``classifiers.feature_sets`` in the order of the study.

    Parameters
    ----------
    rows : DataFrame
        The labeled rows, with every feature of the classification.
    leakage : DataFrame
        Rows of ``classifiers.leakage``.
    metrics : DataFrame
        Rows of ``classifiers.metrics``; a model without any cannot stand for the study.
    classification : Classification
        The settings of the study.
    """
    flagged = leakage[leakage["kind"] != "clear"]
    single = list(flagged.loc[flagged["other_feature"] == "", "feature"])
    pairs = flagged.loc[flagged["other_feature"] != "", ["feature", "other_feature"]].itertuples(index=False)
    columns = {name: filled_column(rows, name) for name in classification.every_feature}
    found = {
        feature_set.name: _what_gives_away(
            feature_set, single, list(map(tuple, pairs)), columns, classification.label.feature
        )
        for feature_set in classification.sets
    }
    judged = set(metrics.loc[metrics["protocol"] == "honest", ["feature_set", "model"]].itertuples(index=False))
    candidates = [
        (feature_set.name, model)
        for feature_set in classification.sets
        if not found[feature_set.name]
        for model in feature_set.models
        if model != "dummy" and (feature_set.name, model) in judged
    ]
    headline = candidates[0] if candidates else None
    records = [
        (name, bool(why), why or CLEAR, headline[1] if headline and headline[0] == name else None)
        for name, why in found.items()
    ]
    return pd.DataFrame(records, columns=FEATURE_SETS_TABLE.frame_names).astype({"headline_model": object})


def _what_gives_away(
    feature_set: FeatureSet,
    single: Sequence[str],
    pairs: Sequence[tuple[str, ...]],
    columns: Mapping[str, Vector],
    label_feature: str,
) -> str:
    """Return why a set gives the label away; empty if it does not."""
    if feature_set.leaks:
        return f"It {feature_set.why}."
    reasons = [f"holds {name}" for name in single if name in feature_set.features]
    reasons += [f"holds {' and '.join(pair)}" for pair in pairs if set(pair) <= set(feature_set.features)]
    for name in dict.fromkeys((label_feature, *single)):
        if name not in feature_set.features:
            explained = r_squared([columns[feature] for feature in feature_set.features], columns[name])
            if explained >= REBUILT_R_SQUARED:
                reasons.append(f"rebuilds {name} (R\u00b2 {explained:.3f} from logarithms)")
    return f"It {'; it '.join(reasons)}." if reasons else ""


def r_squared(inputs: Sequence[Vector], target: Vector) -> float:
    """Return the share of the variance of ln(target) that a linear model of ln(inputs + 1) explains.

    Only rows with a target above 0 count.

    Parameters
    ----------
    inputs : sequence of ndarray of shape (n_rows,)
        The features of a set, none below 0.
    target : ndarray of shape (n_rows,)
        The feature to rebuild. Its logarithm is taken as it is, because 1 is far more than a rate. A constant one
        is explained by nothing.

    Examples
    --------
    >>> likes, videos = np.array([9.0, 99.0, 999.0, 99.0]), np.array([1.0, 3.0, 1.0, 7.0])
    >>> round(r_squared([likes, videos], (likes + 1.0) / (videos + 1.0)), 6)
    1.0
    """
    is_positive = target > 0
    wanted = np.log(target[is_positive])
    if not len(wanted):
        return 0.0
    spread = float(((wanted - wanted.mean()) ** 2).sum())
    if not spread:
        return 0.0
    matrix = np.column_stack([np.ones(len(wanted)), *(np.log1p(column[is_positive]) for column in inputs)])
    weights, *_ = np.linalg.lstsq(matrix, wanted, rcond=None)
    return 1.0 - float(((wanted - matrix @ weights) ** 2).sum()) / spread
