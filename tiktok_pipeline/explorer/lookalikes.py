"""Creators with figures like those of one creator, and how far a creator is from its second nearest segment.

Both use the stored model of the study: its features, transforms, scales and centroids are rows. Alike means alike in
these figures, not in what the videos show.
"""

from __future__ import annotations

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


def find_lookalikes(published: Published, facts: Facts, account_id: str, followers: int) -> list[Lookalike]:
    """Return the creators of the snapshot that are nearest to one creator in the study's scaled space.

    Parameters
    ----------
    published, facts : Published, Facts
        The published file.
    account_id, followers : str, int
        A creator of the newest snapshot, and its followers.

    Returns
    -------
    list of Lookalike
        At most `SHOWN`, the nearest first; none if there is no model or a feature of the creator is missing.
    """
    features = _model(published, facts)
    if not features:
        return []
    scaled = ", ".join(f"{feature.sql} as scaled_{feature.feature}" for feature in features)
    squares = " + ".join(f"pow(other.scaled_{f.feature} - own.scaled_{f.feature}, 2)" for f in features)
    rows = published.rows(
        f"with near as (select account_id, {scaled} from features.profiles "
        "where snapshot = ? and followers between ? and ?), "
        f"measured as (select other.account_id, sqrt({squares}) as distance "
        "from near as other, near as own where own.account_id = ? and other.account_id <> ?), "
        "nearest as (select * from measured where distance is not null "
        f"order by distance, account_id limit {SHOWN}) "
        "select nearest.account_id, distance, followers, avg_engagement_rate, persona "
        f"from nearest join {facts.source} as creator using (account_id) "
        "where snapshot = ? and followers between ? and ? order by distance, account_id",
        [
            *(value for feature in features for value in feature.values),
            *(facts.snapshot, followers / FOLLOWERS_FACTOR, followers * FOLLOWERS_FACTOR),
            *(account_id, account_id),
            *(facts.snapshot, int(followers / FOLLOWERS_FACTOR), int(followers * FOLLOWERS_FACTOR) + 1),
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
