"""What would move a creator to its runner-up: how far one feature alone is from the border of two segments.

The border of two centroids is the plane in the middle between them, so the answer has a closed form. It is given for
features that a creator can act on, and only where it is within what other creators do.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from tiktok_pipeline.arrays import Matrix, Vector

ACTIONABLE = {
    "videos_count": "videos_count",
    "log_videos_count": "videos_count",
    "following": "following",
    "log_following": "following",
}
"""The features of a model that a creator can change by itself, and the count behind each."""

ONLY_UP = frozenset({"videos_count"})
"""Counts that nobody lowers on purpose."""


class CentroidModel(Protocol):
    """What is read of a fitted model, see `tiktok_pipeline.clusters.model.SegmentModel`."""

    @property
    def features(self) -> tuple[str, ...]:
        """The features in the order of the model."""

    @property
    def transforms(self) -> tuple[str, ...]:
        """``identity`` or ``log1p`` for each feature."""

    @property
    def fills(self) -> tuple[float | None, ...]:
        """The value in place of a missing one."""

    @property
    def centers(self) -> Vector:
        """Subtracted from the transformed values."""

    @property
    def scales(self) -> Vector:
        """What is divided by."""

    @property
    def centroids(self) -> Matrix:
        """The centroids in scaled units."""


@dataclass(frozen=True)
class Move:
    """A count that would put a creator on the border to its runner-up if nothing else changed."""

    feature: str
    before: float
    after: float

    @property
    def target(self) -> int:
        """The first whole count on the other side of the border, or on it.

        Examples
        --------
        >>> Move("videos_count", 120.0, 251.3).target, Move("following", 90.0, 12.6).target
        (252, 12)
        """
        return math.ceil(self.after) if self.after >= self.before else math.floor(self.after)


def moves_to_runner_up(model: CentroidModel, values: Mapping[str, float], limits: Mapping[str, float]) -> list[Move]:
    """Return what would move a creator to its runner-up segment, one feature at a time.

    Parameters
    ----------
    model : CentroidModel
        The fitted model, with at least two clusters.
    values : mapping of str to float
        The features of the creator, in their units; NaN if missing.
    limits : mapping of str to float
        For each count the largest value that is not absurd: the 99th percentile of the snapshot.

    Returns
    -------
    list of Move
        Empty if no feature alone leads there: the answer is absurd, or a third segment is nearer.

    Examples
    --------
    Centers at 10 and 30 videos: the border is at 20.

    >>> from tiktok_pipeline.clusters.model import SegmentModel
    >>> model = SegmentModel(("videos_count",), ("identity",), (None,), np.zeros(1), np.ones(1),
    ...     np.array([[10.0], [30.0]]))
    >>> moves_to_runner_up(model, {"videos_count": 12.0}, {"videos_count": 100.0})
    [Move(feature='videos_count', before=12.0, after=20.0)]
    >>> moves_to_runner_up(model, {"videos_count": 12.0}, {"videos_count": 19.0})
    []
    """
    point = _scaled(model, values)
    if np.isnan(point).any():
        return []
    squares = ((model.centroids - point) ** 2).sum(axis=1)
    nearest, second = np.argsort(squares, kind="stable")[:2]
    found = []
    for place, name in enumerate(model.features):
        across = float(model.centroids[second, place] - model.centroids[nearest, place])
        count = ACTIONABLE.get(name)
        if count is None or not across:
            continue
        moved = point.copy()
        moved[place] += (squares[second] - squares[nearest]) / (2.0 * across)
        before, after = (_unscaled(model, place, name, float(at[place])) for at in (point, moved))
        is_real = 0.0 <= after <= limits.get(count, -math.inf) and (after >= before or count not in ONLY_UP)
        if is_real and _is_border(model, moved, nearest, second):
            found.append(Move(count, before, after))
    return found


def _scaled(model: CentroidModel, values: Mapping[str, float]) -> Vector:
    raw = [values.get(name, math.nan) for name in model.features]
    filled = [
        fill if fill is not None and math.isnan(value) else value
        for value, fill in zip(raw, model.fills, strict=True)
    ]
    logged = [
        math.log1p(value) if transform == "log1p" else value
        for value, transform in zip(filled, model.transforms, strict=True)
    ]
    scaled: Vector = (np.array(logged) - model.centers) / model.scales
    return scaled


def _unscaled(model: CentroidModel, place: int, name: str, value: float) -> float:
    """Return a scaled value as the count behind the feature."""
    plain = value * float(model.scales[place]) + float(model.centers[place])
    is_log = model.transforms[place] == "log1p" or name.startswith("log_")
    return float(f"{math.expm1(min(plain, 50.0)) if is_log else plain:.9g}")


def _is_border(model: CentroidModel, point: Vector, nearest: int, second: int) -> bool:
    """Return whether no third centroid is nearer than the two."""
    squares = ((model.centroids - point) ** 2).sum(axis=1)
    others = np.delete(squares, [nearest, second])
    return bool(not len(others) or others.min() >= squares[second] - 1e-9)
