"""Creators with figures like those of one creator, and how far a creator is from its second nearest segment.

Both use the stored model of the study: its features, transforms, scales and centroids are rows. Alike means alike in
these figures, not in what the videos show.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from tiktok_pipeline.explorer.published import Facts, Published

FOLLOWERS_FACTOR = 3.0
"""A lookalike has at most so many times the followers, and at least one such part of them."""

SHOWN = 8
_IDENTIFIER = frozenset("abcdefghijklmnopqrstuvwxyz0123456789_")


@dataclass(frozen=True)
class Lookalike:
    """A creator that is alike, and its distance in the scaled space of the study."""

    account_id: str
    followers: int
    avg_engagement_rate: float | None
    persona: str | None
    distance: float


@dataclass(frozen=True)
class _Scaled:
    """One feature as the model scales it: ``(transform(value) - center) / scale``."""

    feature: str
    transform: str
    fill: float | None
    center: float
    scale: float

    @property
    def sql(self) -> str:
        """The scaled feature in SQL; its four numbers are parameters."""
        value = f"coalesce({self.feature}, ?)"
        transformed = f"ln({value} + 1)" if self.transform == "log1p" else value
        return f"(({transformed} - ?) / ?)"

    @property
    def values(self) -> list[Any]:
        """The parameters of `sql`."""
        return [self.fill, self.center, self.scale]

    def scaled(self, value: float | None) -> float | None:
        """Return a value of the feature in the scaled space, or None."""
        known = self.fill if value is None else value
        if known is None:
            return None
        return ((math.log1p(known) if self.transform == "log1p" else known) - self.center) / self.scale


def find_lookalikes(published: Published, facts: Facts, account_id: str) -> list[Lookalike]:
    """Return the creators of the snapshot that are nearest to one creator in the study's scaled space.

    Parameters
    ----------
    published, facts : Published, Facts
        The published file.
    account_id : str
        A creator of the newest snapshot.

    Returns
    -------
    list of Lookalike
        At most `SHOWN`, the nearest first; none if there is no model or a feature of the creator is missing.
    """
    features = _model(published, facts)
    if not features:
        return []
    names = ", ".join(feature.feature for feature in features)
    own = published.rows(
        f"select followers, {names} from features.profiles where snapshot = ? and account_id = ?",
        [facts.snapshot, account_id],
    )
    place = [feature.scaled(own[0][feature.feature]) for feature in features] if own else [None]
    if any(value is None for value in place):
        return []
    squares = " + ".join(f"pow({feature.sql} - ?, 2)" for feature in features)
    values = [value for feature, at in zip(features, place, strict=True) for value in (*feature.values, at)]
    followers = float(own[0]["followers"])
    rows = published.rows(
        f"select near.account_id, near.distance, creator.followers, creator.avg_engagement_rate, creator.persona "
        f"from (select account_id, sqrt({squares}) as distance from features.profiles "
        "where snapshot = ? and account_id <> ? and followers between ? and ?) as near "
        f"join {facts.source} as creator on creator.account_id = near.account_id and creator.snapshot = ? "
        f"where near.distance is not null order by near.distance, near.account_id limit {SHOWN}",
        [
            *values,
            *(facts.snapshot, account_id, followers / FOLLOWERS_FACTOR, followers * FOLLOWERS_FACTOR, facts.snapshot),
        ],
    )
    return [Lookalike(**row) for row in rows]


def _model(published: Published, facts: Facts) -> list[_Scaled]:
    """Return the features of the study's newest model; none if a name is no identifier."""
    if not facts.study or "clusters.models" not in facts.tables or "features.profiles" not in facts.tables:
        return []
    rows = published.rows(
        "select feature, any_value(transform) as transform, any_value(fill) as fill, any_value(center) as center, "
        "any_value(scale) as scale from clusters.models where snapshot = ? and study = ? "
        "group by feature, position order by position",
        [facts.snapshot, facts.study],
    )
    features = [_Scaled(**row) for row in rows]
    return features if all(set(feature.feature) <= _IDENTIFIER for feature in features) else []
