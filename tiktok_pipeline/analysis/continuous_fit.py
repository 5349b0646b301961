"""Fit a model so that its segments hold still: from the earlier snapshot, from the catalog, or from nothing."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import pandas as pd

from tiktok_pipeline.analysis.earlier_fit import EarlierFit
from tiktok_pipeline.arrays import Matrix
from tiktok_pipeline.clusters.continuity import (
    can_continue,
    follow,
    is_kept,
    match_clusters,
    overlaps,
    renumber,
    rescaled_centroids,
    typical_centroids,
)
from tiktok_pipeline.clusters.model import FitResult, SegmentModel, fit_kmeans
from tiktok_pipeline.clusters.schema import CONTINUITY_TABLE
from tiktok_pipeline.recipes.segmentation import Segmentation

COLD, CATALOG, EARLIER = "cold", "catalog", "earlier snapshot"
"""The starts of a fit, as ``clusters.continuity`` names them."""


@dataclass(frozen=True)
class ContinuousFit:
    """A fit, and how it went on.

    Parameters
    ----------
    fit : FitResult
        The fit that is kept, its clusters numbered as the earlier ones.
    continuity : DataFrame
        Rows of ``clusters.continuity``.
    inertia_cold, inertia_warm : float or None
        The inertia of the best k-means++ start, and of the start from the earlier centroids or the catalog.
    """

    fit: FitResult
    continuity: pd.DataFrame
    inertia_cold: float
    inertia_warm: float | None


def fit_continuously(
    rows: pd.DataFrame, *, scaled_by: SegmentModel, segmentation: Segmentation, earlier: EarlierFit | None
) -> ContinuousFit:
    """Fit k-means++ starts and, for a study with continuity, from the earlier centroids; keep one of them.

    Parameters
    ----------
    rows : DataFrame of shape (n_rows, n_columns)
        The rows of the fit, in source order.
    scaled_by : SegmentModel
        The scaler, fitted on the same rows.
    segmentation : Segmentation
        The settings.
    earlier : EarlierFit, optional
        The fit to go on from.

    Returns
    -------
    ContinuousFit
        The fit that is kept. That from the earlier centroids is kept if it is nearly as good as the best other one;
        it goes no farther from them than that, see `follow`.

    Raises
    ------
    TooFewRowsError
        If there are fewer distinct rows than clusters.
    """
    fit_from = partial(
        fit_kmeans,
        rows,
        scaled_by=scaled_by,
        k=segmentation.k,
        n_init=segmentation.n_init,
        random_state=segmentation.random_state,
    )
    cold = fit_from()
    if earlier is not None and not can_continue(cold.model, earlier.model):
        earlier = None
    name, start = _start(scaled_by, segmentation, earlier)
    matrix = scaled_by.transform(rows)
    warm = None
    if earlier is not None:
        warm = follow(matrix, _rescaled(earlier.model, scaled_by), cold=cold)
    if warm is None and start is not None:
        warm = fit_from(start=start)
    is_warm = warm is not None and is_kept(warm, cold)
    fit = warm if warm is not None and is_warm else cold
    matches: dict[int, int] = {}
    overlap: dict[int, float] = {}
    if earlier is not None:
        before = _rescaled(earlier.model, scaled_by).predict(matrix)
        if is_warm:
            matches = {cluster: cluster for cluster in range(segmentation.k)}
        else:
            fit = renumber(fit, match_clusters(fit.labels, before, k=segmentation.k))
            matches = match_clusters(fit.labels, before, k=segmentation.k)
        overlap = overlaps(fit.labels, before, k=segmentation.k)
    continuity = _continuity(segmentation.k, name if is_warm else COLD, earlier, matches, overlap)
    return ContinuousFit(fit, continuity, cold.inertia, None if warm is None else warm.inertia)


def _start(
    scaled_by: SegmentModel, segmentation: Segmentation, earlier: EarlierFit | None
) -> tuple[str, Matrix | None]:
    if segmentation.continuity != "warm":
        return COLD, None
    if earlier is not None:
        return EARLIER, rescaled_centroids(earlier.model, scaled_by)
    personas = segmentation.personas.personas
    if segmentation.first_fit == "cold" or len(personas) != segmentation.k:
        return COLD, None
    return CATALOG, typical_centroids([persona.typical for persona in personas], scaled_by)


def start_of(
    model: SegmentModel, segmentation: Segmentation, continuity: pd.DataFrame, earlier: EarlierFit | None
) -> Matrix | None:
    """Return the centroids that a model was fitted from, in its scaled units; None for k-means++ starts.

    Parameters
    ----------
    model : SegmentModel
        The model.
    segmentation : Segmentation
        Its settings.
    continuity : DataFrame
        Rows of ``clusters.continuity``, which name the start.
    earlier : EarlierFit or None
        The fit that it could go on from.
    """
    name, start = _start(model, segmentation, earlier)
    return start if len(continuity) and continuity["start"].iloc[0] == name else None


def _rescaled(earlier: SegmentModel, scaled_by: SegmentModel) -> SegmentModel:
    return SegmentModel(
        scaled_by.features,
        scaled_by.transforms,
        scaled_by.fills,
        scaled_by.centers,
        scaled_by.scales,
        rescaled_centroids(earlier, scaled_by),
    )


def _continuity(
    k: int,
    start: str,
    earlier: EarlierFit | None,
    matches: dict[int, int],
    overlap: dict[int, float],
) -> pd.DataFrame:
    known = dict(earlier.segment_ids) if earlier else {}
    next_id = max(known.values(), default=0) + 1
    rows = []
    for cluster in range(k):
        earlier_cluster = matches.get(cluster)
        segment_id = known.get(earlier_cluster) if earlier_cluster is not None else None
        if segment_id is None:
            segment_id, next_id = next_id, next_id + 1
        rows.append(
            (
                cluster,
                segment_id,
                start,
                earlier is not None and start == COLD,
                earlier.snapshot if earlier else None,
                earlier_cluster,
                overlap.get(cluster),
                earlier.fingerprint if earlier else None,
            )
        )
    frame = pd.DataFrame(rows, columns=CONTINUITY_TABLE.frame_names)
    return frame.astype({"earlier_cluster": "Int64", "overlap": "float64"})
