"""The model that scores creators: logistic regression with Platt's sigmoid, stored as rows, applied in the engine.

It is rebuilt from its rows without scikit-learn. No pickle is written or loaded.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import narwhals as nw
import numpy as np
import pandas as pd

from tiktok_pipeline.arrays import Matrix, Vector
from tiktok_pipeline.classifiers.calibration import LARGEST_LOG_ODDS, apply_platt, fit_platt, sigmoid
from tiktok_pipeline.classifiers.labels import Flags
from tiktok_pipeline.classifiers.metrics import best_f1
from tiktok_pipeline.classifiers.models import inner_scores, logged_regression
from tiktok_pipeline.classifiers.schema import MODELS_TABLE, SCORES_TABLE

LOGISTIC: Final = "logistic_regression"
_NUMBERS = ("intercept", "slope", "offset", "threshold")


@dataclass(frozen=True)
class ScoringModel:
    """Standardized ln(x + 1) of each feature, weighted and summed to log odds, then calibrated to a probability.

    ``threshold`` applies to the calibrated probability.
    """

    feature_set: str
    features: tuple[str, ...]
    fills: Vector
    centers: Vector
    scales: Vector
    coefficients: Vector
    intercept: float
    slope: float
    offset: float
    threshold: float

    def score(self, matrix: Matrix) -> Vector:
        """Return the calibrated probability of each row of a matrix (rows x features, NaN if missing)."""
        filled = np.where(np.isnan(matrix), self.fills, matrix)
        odds = ((np.log1p(filled) - self.centers) / self.scales) @ self.coefficients + self.intercept
        return sigmoid(self.slope * odds + self.offset)


def fit_scoring_model(
    matrix: Matrix, labels: Flags, *, feature_set: str, features: tuple[str, ...], random_state: int
) -> ScoringModel:
    """Fit the model on all labeled rows; calibration and threshold use scores of rows held out from the fit."""
    fitted = logged_regression().fit(matrix, labels)
    inner = inner_scores(LOGISTIC, matrix, labels, random_state=random_state)
    slope, offset = fit_platt(inner, labels)
    threshold, _ = best_f1(apply_platt(inner, slope, offset), labels)
    return ScoringModel(
        feature_set,
        features,
        np.asarray(fitted["fill"].statistics_, dtype=np.float64),
        np.asarray(fitted["scale"].mean_),
        np.asarray(fitted["scale"].scale_),
        np.asarray(fitted["regression"].coef_[0]),
        float(fitted["regression"].intercept_[0]),
        slope,
        offset,
        threshold,
    )


def to_frame(model: ScoringModel) -> pd.DataFrame:
    """Return the model as rows of ``classifiers.models``."""
    rows: list[tuple[Any, ...]] = [
        (
            LOGISTIC,
            model.feature_set,
            place,
            name,
            float(model.fills[place]),
            float(model.centers[place]),
            float(model.scales[place]),
            float(model.coefficients[place]),
        )
        for place, name in enumerate(model.features)
    ]
    rows += [
        (LOGISTIC, model.feature_set, -1, name, None, None, None, float(getattr(model, name))) for name in _NUMBERS
    ]
    frame = pd.DataFrame(rows, columns=MODELS_TABLE.frame_names)
    return frame.astype({"fill": "float64", "center": "float64", "scale": "float64"})


def from_frame(rows: pd.DataFrame) -> ScoringModel | None:
    """Return the model that `to_frame` wrote, whatever the order of the rows; None if there are no rows."""
    if rows.empty:
        return None
    weights = rows[rows["position"] >= 0].sort_values("position")
    numbers = {row["feature"]: float(row["coefficient"]) for row in rows[rows["position"] < 0].to_dict("records")}
    return ScoringModel(
        str(rows["feature_set"].iloc[0]),
        tuple(weights["feature"]),
        fills=weights["fill"].to_numpy(dtype=np.float64),
        centers=weights["center"].to_numpy(dtype=np.float64),
        scales=weights["scale"].to_numpy(dtype=np.float64),
        coefficients=weights["coefficient"].to_numpy(dtype=np.float64),
        intercept=numbers["intercept"],
        slope=numbers["slope"],
        offset=numbers["offset"],
        threshold=numbers["threshold"],
    )


def score(features: nw.LazyFrame[Any], model: ScoringModel) -> nw.LazyFrame[Any]:
    """Return rows of ``classifiers.scores`` for rows of ``features.<source>``, lazily; none is out of fold."""
    odds: nw.Expr = nw.lit(model.intercept)
    for place, name in enumerate(model.features):
        logged = (nw.col(name).fill_null(float(model.fills[place])) + 1.0).log()
        weight = float(model.coefficients[place]) / float(model.scales[place])
        odds = odds + (logged - float(model.centers[place])) * weight
    calibrated = odds * model.slope + model.offset
    clipped = nw.max_horizontal(
        nw.min_horizontal(nw.col("odds"), nw.lit(LARGEST_LOG_ODDS)), nw.lit(-LARGEST_LOG_ODDS)
    )
    scored = (
        features.select("account_id", calibrated.alias("odds"))
        .select("account_id", clipped.alias("odds"))
        .with_columns((1.0 / (1.0 + (nw.col("odds") * -1.0).exp())).alias("score"))
    )
    return scored.select(
        nw.lit(LOGISTIC).alias("model"),
        "account_id",
        "score",
        (nw.col("score") >= model.threshold).alias("predicted"),
        nw.lit(False).alias("out_of_fold"),
    )


def out_of_fold_rows(account_ids: pd.Series[str], scores: Vector, predicted: Flags) -> pd.DataFrame:
    """Return rows of ``classifiers.scores`` for labeled rows, each scored by a model that did not see it."""
    frame = pd.DataFrame(
        {
            "model": LOGISTIC,
            "account_id": account_ids.to_numpy(),
            "score": scores,
            "predicted": predicted,
            "out_of_fold": True,
        }
    )
    return frame[SCORES_TABLE.frame_names]
