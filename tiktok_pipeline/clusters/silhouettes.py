"""Silhouettes of many clusterings of the same rows at once.

scikit-learn's `silhouette_samples` takes one clustering and spends most of its time on the distances between the
rows. These are the same for every clustering. Here they are computed once, and each clustering is a matrix product
with them. A test compares the values with scikit-learn's.

References
----------
P. J. Rousseeuw (1987), "Silhouettes: a graphical aid to the interpretation and validation of cluster analysis".
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tiktok_pipeline.arrays import Matrix, Vector

MAX_SILHOUETTE_ROWS = 10_000
DISTANCES_MEGABYTES = 64
"""Most memory for the distances between rows; scikit-learn's own bound is a gigabyte."""

Labels = NDArray[np.int64]
"""Cluster numbers of shape (n_rows,)."""


def silhouettes(matrix: Matrix, clusterings: Sequence[Labels]) -> list[Vector | None]:
    """Compute the silhouette of each row in each clustering.

    Parameters
    ----------
    matrix : ndarray of shape (n_rows, n_features)
        Scaled rows.
    clusterings : sequence of ndarray of shape (n_rows,)
        The cluster numbers of the rows, once for each clustering.

    Returns
    -------
    list of ndarray of shape (n_rows,) or None
        Silhouettes, -1 to 1; None for a clustering with a single cluster, or with as many clusters as rows.
    """
    from sklearn import config_context  # noqa: PLC0415 - importing it costs seconds
    from sklearn.metrics import pairwise_distances_chunked  # noqa: PLC0415
    from threadpoolctl import threadpool_limits  # noqa: PLC0415

    numbered = [np.unique(labels, return_inverse=True)[1] for labels in clusterings]
    belongs = [np.eye(int(labels.max(initial=-1)) + 1)[labels] for labels in numbered]
    defined = [1 < member.shape[1] < len(matrix) for member in belongs]
    if not any(defined):
        return [None] * len(belongs)
    together = np.hstack(belongs)
    with config_context(working_memory=DISTANCES_MEGABYTES), threadpool_limits(1):
        parts = pairwise_distances_chunked(matrix, reduce_func=lambda distances, _: distances @ together)
        sums = np.vstack(list(parts))
    by_clustering = np.hsplit(sums, np.cumsum([member.shape[1] for member in belongs])[:-1])
    return [
        _row_silhouettes(distances, labels, member.sum(axis=0)) if is_defined else None
        for distances, labels, member, is_defined in zip(by_clustering, numbered, belongs, defined, strict=True)
    ]


def mean_silhouettes(matrix: Matrix, clusterings: Sequence[Labels], *, random_state: int) -> list[float | None]:
    """Compute the mean silhouette of each clustering on at most 10,000 sampled rows.

    The sample is the one that scikit-learn's `silhouette_score` would use. If it has rows of one cluster only, the
    silhouette is None; scikit-learn would raise.

    Parameters
    ----------
    matrix : ndarray of shape (n_rows, n_features)
        Scaled rows.
    clusterings : sequence of ndarray of shape (n_rows,)
        The cluster numbers of the rows, once for each clustering.
    random_state : int
        Seed of the sample.
    """
    from sklearn.utils import check_random_state  # noqa: PLC0415

    if len(matrix) > MAX_SILHOUETTE_ROWS:
        sampled = check_random_state(random_state).permutation(len(matrix))[:MAX_SILHOUETTE_ROWS]
        matrix, clusterings = matrix[sampled], [labels[sampled] for labels in clusterings]
    return [None if samples is None else float(samples.mean()) for samples in silhouettes(matrix, clusterings)]


def _row_silhouettes(sums: Matrix, labels: Labels, sizes: Vector) -> Vector:
    """Return (b - a) / max(a, b): a is the mean distance to the own cluster, b to the nearest other cluster."""
    each = np.arange(len(labels))
    own = sums[each, labels] / np.maximum(sizes[labels] - 1, 1)
    others = sums / sizes
    others[each, labels] = np.inf
    nearest = others.min(axis=1)
    larger = np.maximum(own, nearest)
    values: Vector = np.divide(nearest - own, larger, out=np.zeros_like(own), where=larger > 0)
    values[sizes[labels] == 1] = 0.0
    return values
