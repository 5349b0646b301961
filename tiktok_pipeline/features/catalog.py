"""The features of a profile: name, unit, range, formula, meaning and labels, in the column order of the tables.

The only place for the words of a feature: the tables, plots, report and data dictionary read them here. To add a
feature, add one record; the table and its contract follow. A division by zero gives a missing value, never infinity.
"""

from __future__ import annotations

from collections.abc import Mapping

import narwhals as nw

from tiktok_pipeline.features.expressions import (
    CREATOR_KEYWORDS,
    FOLLOWER_TIERS,
    account_age_days,
    follower_tier,
    has_keyword,
    if_delivered,
    log1p,
    ratio,
)
from tiktok_pipeline.features.feature import FLAG, Feature
from tiktok_pipeline.features.posting import POSTING_FEATURES


def _number(name: str) -> nw.Expr:
    return nw.col(name).cast(nw.Float64)


def _count(name: str, label: str, description: str, *, short_label: str = "") -> Feature:
    return Feature(
        name=name,
        label=label,
        short_label=short_label or name,
        unit="count",
        formula=name,
        description=description,
        expression=_number(name),
        columns=(name,),
    )


def _rate(name: str, label: str, short_label: str, description: str) -> Feature:
    return Feature(
        name=name,
        label=label,
        short_label=short_label,
        unit="fraction",
        formula=name,
        description=description,
        expression=_number(name),
        columns=(name,),
    )


def _log(name: str, label: str, column: str, formula: str, short_label: str) -> Feature:
    return Feature(
        name=name,
        label=f"{label} (log scale)",
        short_label=short_label,
        unit="ln(count + 1)",
        formula=formula,
        description=f"{label} on a log scale, because they are heavy-tailed",
        expression=log1p(_number(column)),
        columns=(column,),
    )


def _flag(  # noqa: PLR0917 - each call is one record
    name: str, label: str, short_label: str, formula: str, description: str, expression: nw.Expr, *, column: str
) -> Feature:
    return Feature(
        name=name,
        label=label,
        short_label=short_label,
        unit=FLAG,
        formula=formula,
        description=description,
        expression=expression,
        columns=(column,),
        highest=1.0,
    )


_LIFETIME_ENGAGEMENT = ratio(_number("likes"), _number("videos_count") * _number("followers"))

_COUNTED = (
    _count("followers", "followers", "accounts that follow this account"),
    _count("following", "accounts followed", "accounts that this account follows"),
    _count("likes", "likes received", "likes received since the account was created"),
    _count("videos_count", "videos", "videos published", short_label="videos"),
    _rate("avg_engagement_rate", "engagement rate", "engagement rate", "likes and comments per video and follower"),
    _rate(
        "comment_engagement_rate",
        "comments per video and follower",
        "comment rate",
        "comments per video and follower",
    ),
    _rate("like_engagement_rate", "likes per video and follower", "like rate", "likes per video and follower"),
)

_LOGGED = (
    _log("log_followers", "followers", "followers", "ln(followers + 1)", "ln(followers + 1)"),
    _log("log_following", "accounts followed", "following", "ln(following + 1)", "ln(following + 1)"),
    _log("log_likes", "likes received", "likes", "ln(likes + 1)", "ln(likes + 1)"),
    _log("log_videos_count", "videos", "videos_count", "ln(videos_count + 1)", "ln(videos + 1)"),
    Feature(
        name="log_engagement_percent",
        label="engagement rate (log scale)",
        short_label="ln(engagement % + 1)",
        unit="ln(percent + 1)",
        formula="ln(100 avg_engagement_rate + 1)",
        description="engagement rate on a log scale, because they are heavy-tailed",
        expression=log1p(_number("avg_engagement_rate") * 100.0),
        columns=("avg_engagement_rate",),
    ),
    Feature(
        name="log_lifetime_engagement_percent",
        label="lifetime engagement (log scale)",
        short_label="ln(lifetime engagement % + 1)",
        unit="ln(percent + 1)",
        formula="ln(100 lifetime_engagement_rate + 1)",
        description="lifetime engagement on a log scale, because it is heavy-tailed",
        expression=log1p(_LIFETIME_ENGAGEMENT * 100.0),
        columns=("likes", "videos_count", "followers"),
    ),
)

_RATIOS = (
    Feature(
        name="total_engagement",
        label="sum of the three engagement rates",
        short_label="total engagement",
        unit="fraction",
        formula="avg + comment + like engagement rate",
        description="the sum that study top_influencers uses; because avg = comment + like, twice the average rate",
        expression=_number("avg_engagement_rate")
        + _number("comment_engagement_rate")
        + _number("like_engagement_rate"),
        columns=("avg_engagement_rate", "comment_engagement_rate", "like_engagement_rate"),
    ),
    Feature(
        name="comment_share",
        label="share of comments in the engagement",
        short_label="comments in engagement",
        unit="fraction",
        formula="comment_engagement_rate / avg_engagement_rate",
        description="share of comments in the engagement",
        expression=ratio(_number("comment_engagement_rate"), _number("avg_engagement_rate")),
        columns=("comment_engagement_rate", "avg_engagement_rate"),
    ),
    Feature(
        name="likes_per_video",
        label="likes per video",
        short_label="likes per video",
        unit="likes / video",
        formula="likes / videos_count",
        description="likes per video since the account was created",
        expression=ratio(_number("likes"), _number("videos_count")),
        columns=("likes", "videos_count"),
    ),
    Feature(
        name="likes_per_video_padded",
        label="likes per video (padded)",
        short_label="likes per video (padded)",
        unit="likes / video",
        formula="likes / (videos_count + 0.0000001)",
        description="the ratio that study active_creators uses: huge, but not missing, for an account without videos",
        expression=_number("likes") / (_number("videos_count") + 1e-7),
        columns=("likes", "videos_count"),
    ),
    Feature(
        name="lifetime_engagement_rate",
        label="lifetime engagement",
        short_label="lifetime engagement rate",
        unit="fraction",
        formula="likes / (videos_count x followers)",
        description="likes per video and follower since the account was created (the rates are of recent videos)",
        expression=_LIFETIME_ENGAGEMENT,
        columns=("likes", "videos_count", "followers"),
    ),
    Feature(
        name="likes_per_follower",
        label="likes per follower",
        short_label="likes per follower",
        unit="likes / follower",
        formula="likes / followers",
        description="how far the reach extends beyond the followers",
        expression=ratio(_number("likes"), _number("followers")),
        columns=("likes", "followers"),
    ),
    Feature(
        name="videos_per_follower",
        label="videos per follower",
        short_label="videos per follower",
        unit="videos / follower",
        formula="videos_count / followers",
        description="videos published for each follower",
        expression=ratio(_number("videos_count"), _number("followers")),
        columns=("videos_count", "followers"),
    ),
)

_PROFILE = (
    _flag(
        "is_verified",
        "verified accounts",
        "verified",
        "1 if verified, else 0",
        "the verification badge as a number; an unknown badge stays missing",
        _number("is_verified"),
        column="is_verified",
    ),
    _flag(
        "has_bio_link",
        "profiles with a link",
        "link in bio",
        "1 if the profile has a bio_link, 0 if not, missing if the file has no such column",
        "whether the profile links to another site",
        if_delivered("bio_link", (~nw.col("bio_link").is_null()).cast(nw.Float64)),
        column="bio_link",
    ),
    _flag(
        "lacks_bio_link",
        "profiles without a link",
        "no link in bio",
        "1 - has_bio_link",
        "the opposite of has_bio_link, as study active_creators uses it",
        if_delivered("bio_link", nw.col("bio_link").is_null().cast(nw.Float64)),
        column="bio_link",
    ),
    Feature(
        name="biography_length",
        label="characters in the biography",
        short_label="bio length",
        unit="characters",
        formula="characters of the biography; 0 without one, missing if the file has no such column",
        description="length of the biography",
        expression=if_delivered("biography", nw.col("biography").fill_null("").str.len_chars().cast(nw.Float64)),
        columns=("biography",),
    ),
    _flag(
        "has_creator_keyword",
        "profiles that call themselves a creator",
        "creator word",
        f"1 if the biography has one of the words {', '.join(CREATOR_KEYWORDS)}, else 0",
        "whether the account calls itself a creator (study active_creators)",
        if_delivered("biography", has_keyword(nw.col("biography"))),
        column="biography",
    ),
    Feature(
        name="account_age_days",
        label="age of the account in days",
        short_label="account age",
        unit="days",
        formula="observed_on - the date in the account number (its upper 32 bits, seconds since 1970)",
        description="age of the account; missing if the account number holds no plausible date",
        expression=account_age_days(nw.col("tiktok_id"), nw.col("observed_on")),
        columns=("tiktok_id", "observed_on"),
    ),
    Feature(
        name="follower_tier",
        label="size tier",
        short_label="size tier",
        unit="tier",
        formula=", ".join(f"{name} from {bound:,}" for name, bound in FOLLOWER_TIERS.items()),
        description="size tier of influencer marketing",
        expression=follower_tier(nw.col("followers")),
        is_text=True,
        columns=("followers",),
    ),
)

PROFILE_FEATURES: tuple[Feature, ...] = (*_COUNTED, *_LOGGED, *_RATIOS, *_PROFILE)
ACTIVITY_FEATURES: tuple[Feature, ...] = (
    Feature(
        name="engagement_index",
        label="engagement index",
        short_label="engagement index",
        unit="points",
        formula="engagement_index",
        description="frequency and depth of activity",
        expression=_number("engagement_index"),
        columns=("engagement_index",),
    ),
    Feature(
        name="monetization_maturity",
        label="monetization maturity",
        short_label="monetization",
        unit="points",
        formula="monetization_maturity",
        description="readiness of the audience to pay",
        expression=_number("monetization_maturity"),
        columns=("monetization_maturity",),
    ),
)
FEATURES: Mapping[str, tuple[Feature, ...]] = {"profiles": PROFILE_FEATURES, "creator_activity": ACTIVITY_FEATURES}
"""The features of each source."""

FEATURES_BY_NAME: Mapping[str, Feature] = {
    feature.name: feature for features in (*FEATURES.values(), POSTING_FEATURES) for feature in features
}
"""Every feature by its name; no name is used twice."""


def feature_names(source: str) -> list[str]:
    """Return the names of the numeric features that a study of ``source`` can use."""
    return [feature.name for feature in FEATURES[source] if not feature.is_text]


def feature_label(name: str) -> str:
    """Return the words for a feature in a sentence; for any other name, the name with spaces.

    >>> feature_label("avg_engagement_rate"), feature_label("shares_per_day")
    ('engagement rate', 'shares per day')
    """
    return FEATURES_BY_NAME[name].label if name in FEATURES_BY_NAME else name.replace("_", " ")
