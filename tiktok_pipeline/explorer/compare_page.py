"""Some creators side by side: one row for each figure, the best value marked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tiktok_pipeline.explorer.fields import FIELDS, Field
from tiktok_pipeline.explorer.published import Facts, Published

MOST_COMPARED = 10
HIGHER_IS_BETTER = frozenset(
    {
        *("followers", "avg_engagement_rate", "times_expected", "avg_engagement_rate_percentile", "likes_per_video"),
        *("comment_share", "growth_30_days", "median_plays", "engagement_by_plays", "videos_per_week"),
    }
)
"""The figures whose highest value is marked. Days since the last post are better low; the rest are neither."""

COMPARED = (
    *("followers", "avg_engagement_rate", "times_expected", "avg_engagement_rate_percentile", "likes_per_video"),
    *("comment_share", "growth_30_days", "median_plays", "engagement_by_plays", "videos_per_week"),
    *("days_since_last_post", "videos_count", "persona", "margin", "activity", "follower_tier", "region"),
    *("language", "is_verified", "has_email", "notices"),
)


@dataclass(frozen=True)
class ComparedFigure:
    """One figure of all compared creators.

    ``best`` holds the positions of the best value, ``parts`` each value as a share of the highest.
    """

    field: Field
    values: list[Any]
    best: frozenset[int]
    parts: list[float | None]


@dataclass(frozen=True)
class Comparison:
    """The compared creators in the order of the address, and the handles that the snapshot does not have."""

    handles: list[str]
    figures: list[ComparedFigure]
    unknown: list[str]


def compare(published: Published, facts: Facts, account_ids: Sequence[str]) -> Comparison:
    """Return the figures of at most `MOST_COMPARED` creators."""
    wanted = list(dict.fromkeys(account_ids))[:MOST_COMPARED]
    marks = ", ".join("?" * len(wanted)) or "null"
    rows = published.rows(
        f"select * from {facts.source} where snapshot = ? and account_id in ({marks})",
        [facts.snapshot, *wanted],
    )
    found = {str(row["account_id"]): row for row in rows}
    handles = [handle for handle in wanted if handle in found]
    figures = [
        _figure(FIELDS[name], [found[handle].get(name) for handle in handles])
        for name in COMPARED
        if any(found[handle].get(name) is not None for handle in handles)
    ]
    return Comparison(handles, figures, [handle for handle in wanted if handle not in found])


def _figure(field: Field, values: list[Any]) -> ComparedFigure:
    known = [value for value in values if value is not None]
    best: frozenset[int] = frozenset()
    is_ranked = field.name in HIGHER_IS_BETTER or field.name == "days_since_last_post"
    if is_ranked and len(known) > 1:
        target = max(known) if field.name in HIGHER_IS_BETTER else min(known)
        best = frozenset(number for number, value in enumerate(values) if value == target)
    highest = max(known) if field.is_number and known else 0
    parts = [max(0.0, value / highest) if value is not None and highest > 0 else None for value in values]
    return ComparedFigure(field, values, best if len(best) < len(known) else frozenset(), parts)
