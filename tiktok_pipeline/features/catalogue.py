"""Every feature: its name, unit, range, formula and meaning, in the order of the columns of ``features.profiles``.

To add a feature, add one record; the table, its contract and its documentation follow. A division by zero gives a
missing value, never infinity.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import narwhals as nw

CREATOR_KEYWORDS = ("vlogger", "influencer", "blogger", "creator", "model", "traveller")
"""The words of seed 002 that tell a creator by the biography."""

FOLLOWER_TIERS: Mapping[str, int] = {
    "nano": 1_000,
    "micro": 10_000,
    "mid": 50_000,
    "macro": 500_000,
    "mega": 1_000_000,
}
"""Lower bounds of the usual tiers of the trade, in followers; under the first it is "below nano"."""

FIRST_DAY = 16_071.0
"""2014-01-01 in days since 1970, when the first account of the platform's forerunner was made."""


@dataclass(frozen=True, kw_only=True)
class Feature:
    """One feature of a profile.

    ``expression`` computes it from the columns of ``validated.profiles``; ``lowest`` and ``highest`` are its contract.
    """

    name: str
    unit: str
    formula: str
    description: str
    expression: nw.Expr = field(compare=False)
    lowest: float = 0.0
    highest: float = math.inf
    is_text: bool = False


def ratio(numerator: nw.Expr, denominator: nw.Expr) -> nw.Expr:
    """``numerator / denominator``, missing where the denominator is zero or so small that no float holds the quotient."""
    quotient = numerator / denominator
    return nw.when((denominator != 0) & quotient.is_finite()).then(quotient)


def log1p(value: nw.Expr) -> nw.Expr:
    """Natural logarithm of ``value + 1``."""
    return (value + 1.0).log()


def _number(name: str) -> nw.Expr:
    return nw.col(name).cast(nw.Float64)


def has_keyword(biography: nw.Expr) -> nw.Expr:
    """1.0 where the biography holds one of `CREATOR_KEYWORDS`, in whatever letters, as a word of its own, else 0.0."""
    # à-ɏ: Latin letters with marks, so that "modelé" is no "model". Other scripts are written without spaces around it.
    pattern = f"(?i)(^|[^a-z0-9_à-ɏ])({'|'.join(CREATOR_KEYWORDS)})([^a-z0-9_à-ɏ]|$)"
    return biography.fill_null("").str.contains(pattern).cast(nw.Float64)


def follower_tier(followers: nw.Expr, bounds: Mapping[str, int] = FOLLOWER_TIERS) -> nw.Expr:
    """The name of the highest tier whose lower bound ``followers`` reaches; "below nano" under the first."""
    first, *_ = bounds
    tier: nw.Expr = nw.lit(f"below {first}")
    for name, bound in sorted(bounds.items(), key=lambda item: item[1]):
        tier = nw.when(followers >= bound).then(nw.lit(name)).otherwise(tier)
    return tier


def account_age_days(tiktok_id: nw.Expr, observed_on: nw.Expr) -> nw.Expr:
    """Days from the making of the account to ``observed_on``; missing where the number tells no plausible time.

    The numbers of accounts are made like Twitter's snowflakes: the upper 32 bits are the second of their making.
    Short numbers of the platform's first years are plain counters and tell nothing.
    """
    # As a float: a text of 20 digits is no 64-bit integer, and a second needs far fewer digits than a float has.
    made = tiktok_id.cast(nw.Float64) / 4_294_967_296.0 / 86_400.0
    year = observed_on.dt.year()
    leap_days = (year - 1969) // 4  # right from 1970 to 2099
    seen = ((year - 1970) * 365 + leap_days + observed_on.dt.ordinal_day() - 1).cast(nw.Float64)
    return nw.when((made >= FIRST_DAY) & (seen >= made)).then(seen - made)


def _count(name: str, description: str) -> Feature:
    return Feature(name=name, unit="count", formula=name, description=description, expression=_number(name))


def _rate(name: str, description: str) -> Feature:
    return Feature(name=name, unit="fraction", formula=name, description=description, expression=_number(name))


def _log(name: str, value: nw.Expr, formula: str, unit: str = "ln(count + 1)") -> Feature:
    return Feature(
        name=name, unit=unit, formula=formula, description="heavy-tailed, so on a log scale", expression=log1p(value)
    )


_COUNTED = (
    _count("followers", "accounts that follow this one"),
    _count("following", "accounts that this one follows"),
    _count("likes", "likes received over the account's life"),
    _count("videos_count", "videos published"),
    _rate("avg_engagement_rate", "likes and comments per video and follower"),
    _rate("comment_engagement_rate", "comments per video and follower"),
    _rate("like_engagement_rate", "likes per video and follower"),
)

_LOGGED = (
    _log("log_followers", _number("followers"), "ln(followers + 1)"),
    _log("log_following", _number("following"), "ln(following + 1)"),
    _log("log_likes", _number("likes"), "ln(likes + 1)"),
    _log("log_videos_count", _number("videos_count"), "ln(videos_count + 1)"),
    _log(
        "log_engagement_percent",
        _number("avg_engagement_rate") * 100.0,
        "ln(100 avg_engagement_rate + 1)",
        "ln(percent + 1)",
    ),
)

_RATIOS = (
    Feature(
        name="total_engagement",
        unit="fraction",
        formula="avg + comment + like engagement rate",
        description="the sum that seed 001 uses; as avg = comment + like, it is twice the average rate",
        expression=_number("avg_engagement_rate")
        + _number("comment_engagement_rate")
        + _number("like_engagement_rate"),
    ),
    Feature(
        name="comment_share",
        unit="fraction",
        formula="comment_engagement_rate / avg_engagement_rate",
        description="which part of the engagement is talk",
        expression=ratio(_number("comment_engagement_rate"), _number("avg_engagement_rate")),
    ),
    Feature(
        name="likes_per_video",
        unit="likes / video",
        formula="likes / videos_count",
        description="how much a video brings over the account's life",
        expression=ratio(_number("likes"), _number("videos_count")),
    ),
    Feature(
        name="likes_per_video_padded",
        unit="likes / video",
        formula="likes / (videos_count + 0.0000001)",
        description="the ratio as seed 002 has it: huge, but never missing, where there is no video",
        expression=_number("likes") / (_number("videos_count") + 1e-7),
    ),
    Feature(
        name="lifetime_engagement_rate",
        unit="fraction",
        formula="likes / (videos_count x followers)",
        description="likes per video and follower over the account's life; beside it the measured rates are a sample",
        expression=ratio(_number("likes"), _number("videos_count") * _number("followers")),
    ),
    Feature(
        name="likes_per_follower",
        unit="likes / follower",
        formula="likes / followers",
        description="how far the reach goes beyond the audience",
        expression=ratio(_number("likes"), _number("followers")),
    ),
    Feature(
        name="videos_per_follower",
        unit="videos / follower",
        formula="videos_count / followers",
        description="how much work stands behind a follower",
        expression=ratio(_number("videos_count"), _number("followers")),
    ),
)

_PROFILE = (
    Feature(
        name="is_verified",
        unit="0 or 1",
        formula="1 if verified, else 0",
        description="the badge as a number; unknown stays missing",
        expression=_number("is_verified"),
        highest=1.0,
    ),
    Feature(
        name="has_bio_link",
        unit="0 or 1",
        formula="1 if bio_link is there, else 0",
        description="whether the profile leads elsewhere",
        expression=(~nw.col("bio_link").is_null()).cast(nw.Float64),
        highest=1.0,
    ),
    Feature(
        name="lacks_bio_link",
        unit="0 or 1",
        formula="1 - has_bio_link",
        description="the same the other way round, as seed 002 has it",
        expression=nw.col("bio_link").is_null().cast(nw.Float64),
        highest=1.0,
    ),
    Feature(
        name="biography_length",
        unit="characters",
        formula="characters of the biography; 0 without one",
        description="how much the profile says of itself",
        expression=nw.col("biography").fill_null("").str.len_chars().cast(nw.Float64),
    ),
    Feature(
        name="has_creator_keyword",
        unit="0 or 1",
        formula=f"1 if the biography has a word of {', '.join(CREATOR_KEYWORDS)}",
        description="whether the account calls itself a creator (seed 002)",
        expression=has_keyword(nw.col("biography")),
        highest=1.0,
    ),
    Feature(
        name="account_age_days",
        unit="days",
        formula="observed_on - the time in the account's number (its upper 32 bits, seconds since 1970)",
        description="how long the account has been there; missing where the number is older than the platform",
        expression=account_age_days(nw.col("tiktok_id"), nw.col("observed_on")),
    ),
    Feature(
        name="follower_tier",
        unit="tier",
        formula=", ".join(f"{name} from {bound:,}" for name, bound in FOLLOWER_TIERS.items()),
        description="the trade's size classes",
        expression=follower_tier(nw.col("followers")),
        is_text=True,
    ),
)

PROFILE_FEATURES: tuple[Feature, ...] = (*_COUNTED, *_LOGGED, *_RATIOS, *_PROFILE)
ACTIVITY_FEATURES: tuple[Feature, ...] = (
    Feature(
        name="engagement_index",
        unit="points",
        formula="engagement_index",
        description="frequency and depth of activity",
        expression=_number("engagement_index"),
    ),
    Feature(
        name="monetization_maturity",
        unit="points",
        formula="monetization_maturity",
        description="readiness of the audience to pay",
        expression=_number("monetization_maturity"),
    ),
)
FEATURES: Mapping[str, tuple[Feature, ...]] = {"profiles": PROFILE_FEATURES, "creator_activity": ACTIVITY_FEATURES}
"""The features of each source."""


def feature_names(source: str) -> list[str]:
    """The numeric features that a study of ``source`` may use."""
    return [feature.name for feature in FEATURES[source] if not feature.is_text]
