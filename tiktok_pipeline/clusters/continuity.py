"""Lets a model go on from an earlier one, so that segments hold still unless the creators change.

KMeans has many optima that differ by a hundredth of a percent in inertia, and give a creator another segment. The
last percent of the inertia is a flat valley, in which centroids wander with every sample. So the earlier centroids
stay where they are as long as they are nearly as good as the best fit from nothing, and otherwise move until they
are. If they cannot be nearly as good, the segments have changed, and the new clusters are matched with the earlier
ones by the creators that they share.

References
----------
S. P. Lloyd (1982), "Least squares quantization in PCM" (the iterations of KMeans).
H. W. Kuhn (1955), "The Hungarian method for the assignment problem".
M. Spiliopoulou et al. (2006), "MONIC: modeling and monitoring cluster transitions" (a cluster survives by overlap).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from tiktok_pipeline.arrays import Matrix
from tiktok_pipeline.clusters.model import FitResult, SegmentModel

LARGEST_INERTIA_RATIO = 1.01
"""A fit from earlier centroids is kept if its inertia is at most so many times that of the best other start."""

MOST_STEPS = 20
"""Earlier centroids that are not good enough after so many iterations go all the way."""

SMALLEST_OVERLAP = 0.5
"""A cluster is the earlier one if both share at least this part of the creators of either (Jaccard coefficient)."""

Labels = NDArray[np.int64]


def can_continue(model: SegmentModel, earlier: SegmentModel) -> bool:
    """Return whether two models compare the same features, transformed in the same way, into the same k."""
    return (
        model.features == earlier.features
        and model.transforms == earlier.transforms
        and (not len(model.centroids) or len(model.centroids) == len(earlier.centroids))
    )


def rescaled_centroids(earlier: SegmentModel, scaled_by: SegmentModel) -> Matrix:
    """Return the centroids of an earlier model in the scaled units of another one with the same features.

    Parameters
    ----------
    earlier : SegmentModel
        A fitted model.
    scaled_by : SegmentModel
        A model with centers and scales of its own.

    Returns
    -------
    ndarray of shape (n_clusters, n_features)
        The same points, in the units of ``scaled_by``.
    """
    transformed = earlier.centroids * earlier.scales + earlier.centers
    centroids: Matrix = (transformed - scaled_by.centers) / scaled_by.scales
    return centroids


def typical_centroids(typical: Sequence[Mapping[str, float]], scaled_by: SegmentModel) -> Matrix | None:
    """Return the typical values of personas as centroids in scaled units.

    Parameters
    ----------
    typical : sequence of mapping of str to float
        For each persona the typical value of each feature, in the feature's unit.
    scaled_by : SegmentModel
        A model with centers and scales.

    Returns
    -------
    ndarray of shape (n_personas, n_features) or None
        None if the personas are not described by every feature of the model.
    """
    if not all(set(scaled_by.features) <= set(values) for values in typical):
        return None
    raw = np.array([[values[name] for name in scaled_by.features] for values in typical], dtype=np.float64)
    is_log = np.array([transform == "log1p" for transform in scaled_by.transforms])
    centroids: Matrix = (np.where(is_log, np.log1p(raw), raw) - scaled_by.centers) / scaled_by.scales
    return centroids


def follow(matrix: Matrix, earlier: SegmentModel, *, cold: FitResult) -> FitResult | None:
    """Move the centroids of an earlier model to those of new rows, only as far as they have to.

    Parameters
    ----------
    matrix : ndarray of shape (n_rows, n_features)
        Scaled rows of the fit.
    earlier : SegmentModel
        The earlier model in the units of ``matrix``.
    cold : FitResult
        The best fit of the same rows from other starts.

    Returns
    -------
    FitResult or None
        The first of Lloyd's iterations that is good enough, see `is_kept`; the earlier centroids themselves are
        iteration 0. None if there is none within `MOST_STEPS`, or a cluster is empty.
    """
    model, k = earlier, len(earlier.centroids)
    for iteration in range(MOST_STEPS + 1):
        labels = model.predict(matrix)
        if np.bincount(labels, minlength=k).min() == 0:
            return None
        inertia = float(((matrix - model.centroids[labels]) ** 2).sum())
        fit = FitResult(model, inertia, labels, iteration)
        if is_kept(fit, cold):
            return fit
        means = [matrix[labels == cluster].mean(axis=0) for cluster in range(k)]
        model = replace(model, centroids=np.array(means))
    return None


def is_kept(warm: FitResult, cold: FitResult) -> bool:
    """Return whether the fit from earlier centroids is good enough, see `LARGEST_INERTIA_RATIO`."""
    return warm.inertia <= LARGEST_INERTIA_RATIO * cold.inertia


def overlaps(labels: Labels, earlier_labels: Labels, *, k: int) -> dict[int, float]:
    """Return for each cluster the part of the rows that it shares with the earlier cluster of the same number.

    The part is the Jaccard coefficient, 0 to 1. Both labels are arrays of shape (n_rows,).
    """
    table = _overlap_table(labels, earlier_labels, k)
    return {cluster: float(table[cluster, cluster]) for cluster in range(k)}


def match_clusters(labels: Labels, earlier_labels: Labels, *, k: int) -> dict[int, int]:
    """Match clusters with earlier ones by the rows that they share.

    Parameters
    ----------
    labels, earlier_labels : ndarray of shape (n_rows,)
        The cluster of each row in both models.
    k : int
        Number of clusters of both.

    Returns
    -------
    dict of int to int
        Cluster to earlier cluster, for the pairs that share enough, see `SMALLEST_OVERLAP`.

    Examples
    --------
    >>> match_clusters(np.array([1, 1, 0, 0]), np.array([0, 0, 1, 1]), k=2)
    {0: 1, 1: 0}
    """
    from scipy.optimize import linear_sum_assignment  # noqa: PLC0415 - importing it costs half a second

    table = _overlap_table(labels, earlier_labels, k)
    pairs = zip(*linear_sum_assignment(-table), strict=True)
    return {int(new): int(old) for new, old in pairs if table[new, old] >= SMALLEST_OVERLAP}


def _overlap_table(labels: Labels, earlier_labels: Labels, k: int) -> Matrix:
    """Return the Jaccard coefficient of each cluster (row) with each earlier cluster (column)."""
    shared = np.zeros((k, k))
    np.add.at(shared, (labels, earlier_labels), 1.0)
    either = shared.sum(axis=1)[:, None] + shared.sum(axis=0)[None, :] - shared
    table: Matrix = np.divide(shared, either, out=np.zeros_like(shared), where=either > 0)
    return table


def renumber(fit: FitResult, matches: Mapping[int, int]) -> FitResult:
    """Give each matched cluster the number of its earlier cluster; the others keep the order of what is left.

    Parameters
    ----------
    fit : FitResult
        A fit.
    matches : mapping of int to int
        Cluster to earlier cluster, see `match_clusters`.
    """
    k = len(fit.model.centroids)
    free = [number for number in range(k) if number not in matches.values()]
    unmatched = [cluster for cluster in range(k) if cluster not in matches]
    number_of = dict(matches) | dict(zip(unmatched, free, strict=True))
    order = np.argsort([number_of[cluster] for cluster in range(k)])
    numbers = np.array([number_of[cluster] for cluster in range(k)], dtype=np.int64)
    model = replace(fit.model, centroids=fit.model.centroids[order])
    return replace(fit, model=model, labels=numbers[fit.labels])
