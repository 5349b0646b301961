"""Fits KMeans, stores the model as rows, and assigns profiles with an expression inside the engine.

The fit gets its rows in source order and runs on one thread: only then does KMeans with one seed give the same model
on every machine. Assignment needs the stored rows and no scikit-learn.

References
----------
D. Arthur and S. Vassilvitskii (2007), "k-means++: the advantages of careful seeding".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tiktok_pipeline.arrays import Matrix, Vector
from tiktok_pipeline.clusters.schema import MODELS_TABLE
from tiktok_pipeline.errors import PipelineError
from tiktok_pipeline.recipes.segmentation import Scaling


class TooFewRowsError(PipelineError):
    """The rows do not suffice for the study's number of clusters, or none is left to fit."""

    code = "too_few_rows"


class MissingColumnsError(TooFewRowsError):
    """No row has a value of a column that the study needs."""

    code = "missing_columns"


@dataclass(frozen=True)
class SegmentModel:
    """A fitted model, or a scaler that has no centroids yet.

    Parameters
    ----------
    features : tuple of str
        The features in the order of the model.
    transforms : tuple of str
        ``identity`` or ``log1p`` for each feature.
    fills : tuple of float or None
        The value in place of a missing one, in the unit of the feature; None if such rows have no cluster.
    centers, scales : ndarray of shape (n_features,)
        Subtracted from the transformed value, then divided by.
    centroids : ndarray of shape (k, n_features)
        The centroids in scaled units.
    """

    features: tuple[str, ...]
    transforms: tuple[str, ...]
    fills: tuple[float | None, ...]
    centers: Vector
    scales: Vector
    centroids: Matrix

    def transform(self, values: pd.DataFrame) -> Matrix:
        """Scale rows as the centroids are scaled.

        Parameters
        ----------
        values : DataFrame
            Rows with a column for each feature of the model, in the feature's unit.

        Returns
        -------
        ndarray of shape (n_rows, n_features)
            Scaled rows; NaN for a missing value without a fill.
        """
        columns = []
        for place, name in enumerate(self.features):
            raw = values[name].to_numpy(dtype=np.float64, na_value=np.nan)
            fill = self.fills[place]
            filled = raw if fill is None else np.where(np.isnan(raw), fill, raw)
            transformed = np.log1p(filled) if self.transforms[place] == "log1p" else filled
            columns.append((transformed - self.centers[place]) / self.scales[place])
        return np.column_stack(columns)

    def predict(self, matrix: Matrix) -> NDArray[np.int64]:
        """Return the number of the nearest centroid of each scaled row. As in `assign`, the lowest wins a tie."""
        squares = ((matrix[:, None, :] - self.centroids[None, :, :]) ** 2).sum(axis=2)
        labels: NDArray[np.int64] = squares.argmin(axis=1).astype(np.int64)
        return labels


@dataclass(frozen=True)
class FitResult:
    """A fitted model and its fit.

    Parameters
    ----------
    model : SegmentModel
        The model with its centroids.
    inertia : float
        Sum of squared distances to the nearest centroid, in scaled units.
    labels : ndarray of shape (n_rows,)
        The cluster of each fitted row.
    iterations : int
        Iterations of the best start.
    """

    model: SegmentModel
    inertia: float
    labels: NDArray[np.int64]
    iterations: int


def fit_scaler(rows: pd.DataFrame, *, features: Sequence[str], scaling: Scaling) -> SegmentModel:
    """Learn the fill value, center and scale of each feature from the fitted rows.

    Parameters
    ----------
    rows : DataFrame of shape (n_rows, n_columns)
        The rows of the fit, in source order.
    features : sequence of str
        Columns to scale, in the order of the model.
    scaling : Scaling
        The settings of the study.

    Returns
    -------
    SegmentModel
        A model without centroids.

    Raises
    ------
    TooFewRowsError
        If there is no row, or a missing value has no mean to be filled with.
    """
    from sklearn.preprocessing import RobustScaler, StandardScaler  # noqa: PLC0415 - importing it costs seconds

    raw = rows[list(features)].to_numpy(dtype=np.float64, na_value=np.nan)
    if not len(raw):
        msg = "no row is left to fit after the study's rules for missing values and outliers"
        raise TooFewRowsError(msg)
    fills = _means(raw, features) if scaling.missing == "mean" else [None] * len(features)
    unscaled = SegmentModel(
        features=tuple(features),
        transforms=tuple("log1p" if name in scaling.log1p else "identity" for name in features),
        fills=tuple(fills),
        centers=np.zeros(len(features)),
        scales=np.ones(len(features)),
        centroids=np.empty((0, len(features))),
    )
    scaler = StandardScaler() if scaling.scaler == "standard" else RobustScaler()
    scaler.fit(unscaled.transform(rows))
    centers = scaler.mean_ if scaling.scaler == "standard" else scaler.center_
    return SegmentModel(
        unscaled.features, unscaled.transforms, unscaled.fills, centers, scaler.scale_, unscaled.centroids
    )


def _means(raw: Matrix, features: Sequence[str]) -> list[float | None]:
    empty = [name for name, column in zip(features, raw.T, strict=True) if np.isnan(column).all()]
    if empty:
        msg = f"no row has a value for {', '.join(empty)}, so there is no mean to fill the missing values with"
        raise TooFewRowsError(msg)
    return [float(value) for value in np.nanmean(raw, axis=0)]


def fit_kmeans(
    rows: pd.DataFrame,
    *,
    scaled_by: SegmentModel,
    k: int,
    n_init: int,
    random_state: int,
    start: Matrix | None = None,
) -> FitResult:
    """Fit KMeans with k-means++ starts, or from the given centroids.

    Parameters
    ----------
    rows : DataFrame of shape (n_rows, n_columns)
        The rows of the fit, in source order.
    scaled_by : SegmentModel
        The result of `fit_scaler` on the same rows.
    k : int
        Number of clusters.
    n_init, random_state : int
        Number of starts, and their seed.
    start : ndarray of shape (k, n_features), optional
        Centroids in scaled units; the only start, if given.

    Raises
    ------
    TooFewRowsError
        If there are fewer distinct rows than clusters.
    """
    from sklearn.cluster import KMeans  # noqa: PLC0415 - importing it costs seconds
    from threadpoolctl import threadpool_limits  # noqa: PLC0415

    matrix = scaled_by.transform(rows)
    distinct = distinct_rows(matrix, enough=k)
    if distinct < k:
        msg = f"{distinct} distinct rows to fit, {k} clusters asked for"
        raise TooFewRowsError(msg)
    with threadpool_limits(1):
        settings = {"init": "k-means++", "n_init": n_init} if start is None else {"init": start, "n_init": 1}
        fitted = KMeans(n_clusters=k, random_state=random_state, **settings).fit(matrix)
    model = SegmentModel(
        scaled_by.features,
        scaled_by.transforms,
        scaled_by.fills,
        scaled_by.centers,
        scaled_by.scales,
        fitted.cluster_centers_,
    )
    return FitResult(model, float(fitted.inertia_), fitted.labels_.astype(np.int64), int(fitted.n_iter_))


def distinct_rows(matrix: Matrix, *, enough: int) -> int:
    """Count the distinct rows of a matrix, at least up to ``enough``.

    Parameters
    ----------
    matrix : ndarray of shape (n_rows, n_features)
        The rows.
    enough : int
        The count stops at a first part of the rows with this many distinct ones.

    Examples
    --------
    >>> distinct_rows(np.array([[1.0, 2.0], [1.0, 2.0], [3.0, 4.0]]), enough=3)
    2
    """
    size = min(1_000, len(matrix))
    while True:
        distinct = len(np.unique(matrix[:size], axis=0)) if size else 0
        if distinct >= enough or size == len(matrix):
            return distinct
        size = min(size * 10, len(matrix))


def to_frame(model: SegmentModel) -> pd.DataFrame:
    """Return the model as rows of ``clusters.models``: one for each cluster and feature."""
    rows = [
        (
            cluster,
            name,
            place,
            model.transforms[place],
            model.fills[place],
            float(model.centers[place]),
            float(model.scales[place]),
            float(centroid[place]),
        )
        for cluster, centroid in enumerate(model.centroids)
        for place, name in enumerate(model.features)
    ]
    return pd.DataFrame(rows, columns=MODELS_TABLE.frame_names).astype({"fill": "float64"})


def from_frame(rows: pd.DataFrame) -> SegmentModel | None:
    """Rebuild a model from rows of ``clusters.models`` in any order; None without rows."""
    if rows.empty:
        return None
    ordered = rows.sort_values(["cluster", "position"])
    first = ordered[ordered["cluster"] == ordered["cluster"].min()]
    features = len(first)
    return SegmentModel(
        features=tuple(first["feature"]),
        transforms=tuple(first["transform"]),
        fills=tuple(None if pd.isna(fill) else float(fill) for fill in first["fill"]),
        centers=first["center"].to_numpy(dtype=np.float64),
        scales=first["scale"].to_numpy(dtype=np.float64),
        centroids=ordered["centroid"].to_numpy(dtype=np.float64).reshape(-1, features),
    )


def assign(
    frame: nw.LazyFrame[Any], model: SegmentModel, *, in_fit: nw.Expr, keep: Sequence[str] = ()
) -> nw.LazyFrame[Any]:
    """Assign each row to its nearest centroid, lazily.

    Parameters
    ----------
    frame : LazyFrame
        Rows of ``features.<source>``.
    model : SegmentModel
        A fitted model.
    in_fit : Expr
        The condition that holds for the rows of the fit.
    keep : sequence of str
        Columns of ``frame`` that the result has, too.

    Returns
    -------
    LazyFrame
        Rows of ``clusters.assignments``. ``distance`` is in scaled units; ``margin`` is 1 - nearest / second nearest
        distance. All are NULL for a row without a value of every feature. The lowest number wins a tie.
    """
    k = len(model.centroids)
    squares = [f"square_{cluster}" for cluster in range(k)]
    scaled = frame.select("account_id", in_fit.alias("in_fit"), *keep, *_scaled_expressions(model))
    squared = scaled.with_columns(*(_square(model, cluster).alias(squares[cluster]) for cluster in range(k)))
    complete = ~nw.any_horizontal(*(nw.col(name).is_null() for name in squares), ignore_nulls=False)
    ranked = _ranked(squared.with_columns(complete.alias("complete")), squares)
    return ranked.select(
        "account_id",
        nw.when(nw.col("complete")).then(nw.col("cluster_0")).alias("cluster"),
        (nw.col("in_fit") & nw.col("complete")).alias("in_fit"),
        nw.when(nw.col("complete")).then(nw.col("least_0").sqrt()).alias("distance"),
        nw.when(nw.col("complete")).then(_gap("least_0", "least_1")).alias("margin"),
        nw.when(nw.col("complete")).then(nw.col("cluster_1")).alias("runner_up"),
        nw.when(nw.col("complete") & ~nw.col("least_2").is_null())
        .then(_gap("least_1", "least_2"))
        .alias("runner_up_margin"),
        *keep,
    )


def _ranked(squared: nw.LazyFrame[Any], squares: Sequence[str]) -> nw.LazyFrame[Any]:
    """Add the three nearest clusters, ``cluster_0`` to ``cluster_2``, and their squares ``least_0`` to ``least_2``.

    Each is the nearest of those that are left; NULL if none is left.
    """
    for rank in range(3):
        squared = squared.with_columns(nw.min_horizontal(*squares).alias(f"least_{rank}"))
        nearest: nw.Expr = nw.lit(None).cast(nw.Int64)
        for number in reversed(range(len(squares))):
            is_nearest = nw.col(squares[number]) == nw.col(f"least_{rank}")
            nearest = nw.when(is_nearest).then(nw.lit(number)).otherwise(nearest)
        squared = squared.with_columns(nearest.alias(f"cluster_{rank}"))
        squared = squared.with_columns(
            *(
                nw.when(nw.col(f"cluster_{rank}") != number).then(nw.col(name)).alias(name)
                for number, name in enumerate(squares)
            )
        )
    return squared


def _gap(nearer: str, farther: str) -> nw.Expr:
    """Return 1 - nearer / farther distance, from their squares; 0 if both are 0 or there is no farther one."""
    return nw.when(nw.col(farther) > 0).then(1.0 - (nw.col(nearer) / nw.col(farther)).sqrt()).otherwise(nw.lit(0.0))


def assign_none(frame: nw.LazyFrame[Any], keep: Sequence[str] = ()) -> nw.LazyFrame[Any]:
    """Return rows of ``clusters.assignments`` for a study without a model: no profile has a cluster."""
    return frame.select(
        "account_id",
        nw.lit(None).cast(nw.Int64).alias("cluster"),
        nw.lit(False).alias("in_fit"),
        nw.lit(None).cast(nw.Float64).alias("distance"),
        nw.lit(None).cast(nw.Float64).alias("margin"),
        nw.lit(None).cast(nw.Int64).alias("runner_up"),
        nw.lit(None).cast(nw.Float64).alias("runner_up_margin"),
        *keep,
    )


def _scaled_expressions(model: SegmentModel) -> list[nw.Expr]:
    expressions = []
    for place, name in enumerate(model.features):
        value = nw.col(name)
        fill = model.fills[place]
        if fill is not None:
            value = value.fill_null(fill)
        if model.transforms[place] == "log1p":
            value = (value + 1.0).log()
        expressions.append(
            ((value - float(model.centers[place])) / float(model.scales[place])).alias(f"scaled_{place}")
        )
    return expressions


def _square(model: SegmentModel, cluster: int) -> nw.Expr:
    gaps = [nw.col(f"scaled_{place}") - float(value) for place, value in enumerate(model.centroids[cluster])]
    total = gaps[0] * gaps[0]
    for gap in gaps[1:]:
        total = total + gap * gap
    return total
