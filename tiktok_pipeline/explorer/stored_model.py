"""The model of a study as the published file holds it: for lookalikes, and for what would move a creator."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tiktok_pipeline.explorer.published import Facts, Published

if TYPE_CHECKING:
    from tiktok_pipeline.arrays import Matrix, Vector

_IDENTIFIER = frozenset("abcdefghijklmnopqrstuvwxyz0123456789_")


@dataclass(frozen=True)
class ScaledFeature:
    """One feature as the model scales it, ``(transform(value) - center) / scale``, in SQL with its parameters."""

    text: str
    values: tuple[Any, ...]


@dataclass(frozen=True)
class StoredModel:
    """The features of a model with their transforms, fills, centers and scales, and the centroids in scaled units."""

    features: tuple[str, ...]
    transforms: tuple[str, ...]
    fills: tuple[float | None, ...]
    centers: Vector
    scales: Vector
    centroids: Matrix

    def scaled(self, values: Sequence[float | None]) -> list[float] | None:
        """Return the place of a creator in scaled units, None if a feature is missing and has no fill."""
        place = []
        for number, value in enumerate(values):
            filled = self.fills[number] if value is None else value
            if filled is None:
                return None
            shown = math.log1p(filled) if self.transforms[number] == "log1p" else filled
            place.append((shown - float(self.centers[number])) / float(self.scales[number]))
        return place

    def scaled_sql(self) -> list[ScaledFeature]:
        """Return each feature in SQL; its names are plain identifiers, its numbers are parameters."""
        found = []
        for number, feature in enumerate(self.features):
            value = f"coalesce({feature}, ?)"
            transformed = f"ln({value} + 1)" if self.transforms[number] == "log1p" else value
            parameters = (self.fills[number], float(self.centers[number]), float(self.scales[number]))
            found.append(ScaledFeature(f"(({transformed} - ?) / ?)", parameters))
        return found


def read_model(published: Published, facts: Facts) -> StoredModel | None:
    """Return the newest model of the study; None if there is none, or a name is no identifier."""
    import numpy as np  # noqa: PLC0415 - for the card alone

    if not facts.study or not {"clusters.models", "features.profiles"} <= facts.tables:
        return None
    rows = published.rows(
        "select cluster, feature, transform, fill, center, scale, centroid from clusters.models "
        "where snapshot = ? and study = ? order by cluster, position",
        [facts.snapshot, facts.study],
    )
    first = [row for row in rows if row["cluster"] == rows[0]["cluster"]]
    if not first or not all(set(row["feature"]) <= _IDENTIFIER for row in first):
        return None
    return StoredModel(
        features=tuple(row["feature"] for row in first),
        transforms=tuple(row["transform"] for row in first),
        fills=tuple(row["fill"] for row in first),
        centers=np.array([row["center"] for row in first]),
        scales=np.array([row["scale"] for row in first]),
        centroids=np.array([row["centroid"] for row in rows]).reshape(-1, len(first)),
    )


def read_own_features(published: Published, facts: Facts, model: StoredModel, creator: Any) -> list[float | None]:  # noqa: ANN401 - a row
    """Return the features of the model of one creator, a row of ``creators.current``; all None if it has none."""
    rows = published.rows(
        f"select {', '.join(model.features)} from features.profiles "
        "where snapshot = ? and account_id = ? and followers = ?",
        [facts.snapshot, creator["account_id"], creator["followers"]],
    )
    return [rows[0][name] if rows else None for name in model.features]
