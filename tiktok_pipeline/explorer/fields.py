"""The figures and words of a creator that the pages show: label, unit, formula, and how a value is written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from tiktok_pipeline.output.number_format import UNDEFINED, format_count, format_number, format_percent

Unit = Literal["count", "percent", "share", "times", "per week", "days", "text", "yes or no", "day"]

_AS_TEXT: Mapping[Unit, Callable[[Any], str]] = {
    "count": format_count,
    "percent": format_percent,
    "share": lambda value: format_percent(value, 0),
    "times": lambda value: f"{format_number(value, 1)}\u00d7",
    "per week": lambda value: format_number(value, 1),
    "days": format_count,
    "text": str,
    "yes or no": lambda value: "yes" if value else "no",
    "day": lambda value: value.isoformat() if isinstance(value, date) else str(value),
}


@dataclass(frozen=True)
class Field:
    """One column of ``creators.current`` as people see it.

    Attributes
    ----------
    name : str
        The column.
    label : str
        Its words, as a heading of a table.
    unit : Unit
        How a value is written.
    formula : str
        How it is computed, for people.
    """

    name: str
    label: str
    unit: Unit
    formula: str

    @property
    def is_number(self) -> bool:
        """Whether a table sets it flush right."""
        return self.unit not in ("text", "yes or no", "day")


def written(value: object, unit: Unit) -> str:
    """Return a value as people read it; a missing one is a dash.

    Examples
    --------
    >>> written(3600, "count"), written(0.0421, "percent"), written(None, "count"), written(1.54, "times")
    ('3,600', '4.2%', '–', '1.5×')
    """
    return UNDEFINED if value is None else _AS_TEXT[unit](value)


_ALL = (
    Field("followers", "Followers", "count", "accounts that follow this creator"),
    Field("avg_engagement_rate", "Engagement", "percent", "likes and comments per video, divided by followers"),
    Field(
        "times_expected",
        "Times expected",
        "times",
        "engagement divided by the median engagement of the creators nearest in followers; 1 is usual",
    ),
    Field(
        "avg_engagement_rate_percentile",
        "Engagement rank",
        "share",
        "share of the creators nearest in followers that have a lower engagement; ties count half",
    ),
    Field("likes_per_video", "Likes per video", "count", "likes received divided by videos published"),
    Field("comment_share", "Comment share", "percent", "comments divided by likes and comments"),
    Field("videos_count", "Videos", "count", "videos published"),
    Field(
        "growth_30_days",
        "Growth, 30 days",
        "percent",
        "(followers now / followers before) to the power of 30 / days between the two snapshots, minus 1",
    ),
    Field("videos_per_week", "Videos a week", "per week", "videos a week in the window of the listed videos"),
    Field("median_plays", "Median plays", "count", "median of the plays of the listed videos"),
    Field("engagement_by_plays", "Engagement by views", "percent", "median of likes and comments, divided by plays"),
    Field("days_since_last_post", "Days since last post", "days", "whole days since the newest listed video"),
    Field("persona", "Persona", "text", "segment of the creator in the study"),
    Field(
        "margin",
        "Certainty",
        "share",
        "1 - distance to the nearest segment / distance to the second nearest; 0 is on the border",
    ),
    Field("persona_before", "Persona before", "text", "segment of the creator in the snapshot before"),
    Field("runner_up", "Runner-up", "text", "second nearest segment"),
    Field("activity", "Activity", "text", "posting, slowing or dormant, by the days since the last post"),
    Field("follower_tier", "Tier", "text", "size tier of influencer marketing, by followers"),
    Field("region", "Region", "text", "region of the account, as delivered"),
    Field("language", "Language", "text", "predicted language, as delivered"),
    Field("is_verified", "Verified", "yes or no", "whether the account carries the badge"),
    Field("has_email", "E-mail", "yes or no", "whether the biography has an e-mail address"),
    Field("notices", "Notices", "count", "figures beyond nearly all creators of the same size"),
    Field("following", "Following", "count", "accounts that this creator follows"),
    Field("likes", "Likes", "count", "likes received since the account was created"),
    Field("like_engagement_rate", "Like rate", "percent", "likes per video, divided by followers"),
    Field("comment_engagement_rate", "Comment rate", "percent", "comments per video, divided by followers"),
    Field("scraped_videos", "Videos measured", "count", "videos that the engagement is averaged over"),
    Field("observed_on", "Scraped on", "day", "day on which the profile was scraped"),
    Field("account_id", "Handle", "text", "handle of the account, without @"),
)
FIELDS: Mapping[str, Field] = {field.name: field for field in _ALL}
"""Every field by its column."""
