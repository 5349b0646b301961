"""How well each row lies in its cluster (silhouette: Rousseeuw 1987), for many clusterings of the same rows at once.

scikit-learn's `silhouette_samples` takes one clustering, and most of its time goes to the distances between the rows; these are the
same for every clustering. Here they are computed once, and each clustering is a matrix product with them. A test holds that
the figures are scikit-learn's.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tiktok_pipeline.arrays import Matrix, Vector

MAX_SILHOUETTE_ROWS = 10_000
DISTANCES_MEGABYTES = 64
"""Of the distances between rows so much is held at a time; scikit-learn's own bound is a gigabyte."""

Labels = NDArray[np.int64]


def silhouettes(matrix: Matrix, clusterings: Sequence[Labels]) -> list[Vector | None]:
    """The silhouette of each row (rows,) in each clustering; None where it has one cluster only, or as many as rows."""
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
        _of_one(distances, labels, member.sum(axis=0)) if is_defined else None
        for distances, labels, member, is_defined in zip(by_clustering, numbered, belongs, defined, strict=True)
    ]


def mean_silhouettes(matrix: Matrix, clusterings: Sequence[Labels], *, random_state: int) -> list[float | None]:
    """The mean silhouette of each clustering, on at most 10,000 sampled rows; None where it is not defined.

    The sample is the one that scikit-learn would draw; where it misses all clusters but one (two clusters, one of them a
    single account) there is no silhouette, and scikit-learn would raise.
    """
    from sklearn.utils import check_random_state  # noqa: PLC0415

    if len(matrix) > MAX_SILHOUETTE_ROWS:
        drawn = check_random_state(random_state).permutation(len(matrix))[:MAX_SILHOUETTE_ROWS]
        matrix, clusterings = matrix[drawn], [labels[drawn] for labels in clusterings]
    return [None if samples is None else float(samples.mean()) for samples in silhouettes(matrix, clusterings)]


def _of_one(sums: Matrix, labels: Labels, sizes: Vector) -> Vector:
    """(b - a) / max(a, b): a, the mean distance to the others of the own cluster; b, that to the nearest other cluster."""
    each = np.arange(len(labels))
    own = sums[each, labels] / np.maximum(sizes[labels] - 1, 1)
    others = sums / sizes
    others[each, labels] = np.inf
    nearest = others.min(axis=1)
    larger = np.maximum(own, nearest)
    found: Vector = np.divide(nearest - own, larger, out=np.zeros_like(own), where=larger > 0)
    found[sizes[labels] == 1] = 0.0
    return found
