"""Creators with figures like those of one creator, by the distance that the model of the study measures.

Alike means alike in these figures, not in what the videos show.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tiktok_pipeline.explorer.published import Facts, Published
from tiktok_pipeline.explorer.stored_model import StoredModel

FOLLOWERS_FACTOR = 3.0
"""A lookalike has at most so many times the followers, and at least one such part of them."""

MOST_MEASURED = 20_000
"""Most creators on each side, the nearest by followers, whose distance is measured."""

SHOWN = 8

MOST_NEAREST = 3 * SHOWN
"""Creators whose handles are read: the creator itself is among them, and others at the same distance as the last."""


@dataclass(frozen=True)
class Lookalike:
    """A creator that is alike, and its distance in the scaled space of the study."""

    account_id: str
    followers: int
    avg_engagement_rate: float | None
    persona: str | None
    distance: float


def find_lookalikes(
    published: Published, facts: Facts, model: StoredModel, creator: Mapping[str, Any], own: Sequence[float | None]
) -> list[Lookalike]:
    """Return the creators of the snapshot that are nearest to one creator in the study's scaled space.

    Parameters
    ----------
    published, facts : Published, Facts
        The published file.
    model : StoredModel
        The model of the study.
    creator : mapping of str to object
        A row of ``creators.current``.
    own : sequence of float or None
        The creator's features of the model.

    Returns
    -------
    list of Lookalike
        At most `SHOWN`, the nearest first; none if a feature of the creator is missing.
    """
    account_id, followers = creator["account_id"], int(creator["followers"])
    place = model.scaled(own)
    if place is None:
        return []
    scaled = model.scaled_sql()
    squares = " + ".join(f"pow({feature.text} - ?, 2)" for feature in scaled)
    squares_values = [
        value for feature, at in zip(scaled, place, strict=True) for value in (*feature.values, float(at))
    ]
    low, high = _range(published, facts, followers)
    # One table, one order: the engine then reads the handles of the nearest rows only, not of the whole range.
    measured = published.rows(
        f"select account_id, sqrt({squares}) as distance from features.profiles "
        f"where snapshot = ? and followers between ? and ? order by distance nulls last limit {MOST_NEAREST}",
        [*squares_values, facts.snapshot, low, high],
    )
    distances = {row["account_id"]: row["distance"] for row in measured if row["distance"] is not None}
    distances.pop(account_id, None)
    marks = ", ".join("?" for _ in distances) or "null"
    shown = published.rows(
        f"select account_id, followers, avg_engagement_rate, persona from {facts.source} "
        f"where snapshot = ? and followers between ? and ? and account_id in ({marks})",
        [facts.snapshot, low, high, *distances],
    )
    found = [Lookalike(**row, distance=distances[row["account_id"]]) for row in shown]
    return sorted(found, key=lambda alike: (alike.distance, alike.account_id))[:SHOWN]


def _range(published: Published, facts: Facts, followers: int) -> tuple[int, int]:
    """Return the least and the most followers of a lookalike; a crowded range is narrowed to the nearest creators."""
    least, most = math.ceil(followers / FOLLOWERS_FACTOR), math.floor(followers * FOLLOWERS_FACTOR)
    (row,) = published.rows(
        "select (select min(followers) from (select followers from creators.current where snapshot = ? "
        f"and followers between ? and ? order by followers desc limit {MOST_MEASURED})) as low, "
        "(select max(followers) from (select followers from creators.current where snapshot = ? "
        f"and followers between ? and ? order by followers limit {MOST_MEASURED})) as high",
        [facts.snapshot, least, followers, facts.snapshot, followers, most],
    )
    return int(row["low"]), int(row["high"])
