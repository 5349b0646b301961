"""The formulas of features as expressions that the engine computes. A division by zero is missing, never infinite."""

from __future__ import annotations

from collections.abc import Mapping

import narwhals as nw

CREATOR_KEYWORDS = ("vlogger", "influencer", "blogger", "creator", "model", "traveller")
"""Words in a biography that mark an account as a creator (the published study behind `active_creators`)."""

FOLLOWER_TIERS: Mapping[str, int] = {
    "nano": 1_000,
    "micro": 10_000,
    "mid": 50_000,
    "macro": 500_000,
    "mega": 1_000_000,
}
"""Lower bound of each size tier of influencer marketing, in followers. Fewer than the first is "below nano"."""

FIRST_DAY = 16_071.0
"""2014-01-01 in days since 1970: no account is older than the platform's predecessor, musical.ly."""


def ratio(numerator: nw.Expr, denominator: nw.Expr) -> nw.Expr:
    """Return ``numerator / denominator``, missing if the denominator is zero or the quotient exceeds a float."""
    quotient = numerator / denominator
    return nw.when((denominator != 0) & quotient.is_finite()).then(quotient)


def log1p(value: nw.Expr) -> nw.Expr:
    """Return the natural logarithm of ``value + 1``."""
    return (value + 1.0).log()


def if_delivered(column: str, value: nw.Expr) -> nw.Expr:
    """Return ``value``, missing if the file of the row does not have ``column``: ``has_<column>`` is NULL then."""
    return nw.when(~nw.col(f"has_{column}").is_null()).then(value)


def has_keyword(biography: nw.Expr) -> nw.Expr:
    """Return 1.0 if the biography has one of `CREATOR_KEYWORDS` as a word, in any case, else 0.0."""
    # à-ɏ: Latin letters with marks, so that "modelé" is not "model". Other scripts do not put spaces around a word.
    pattern = f"(?i)(^|[^a-z0-9_à-ɏ])({'|'.join(CREATOR_KEYWORDS)})([^a-z0-9_à-ɏ]|$)"
    return biography.fill_null("").str.contains(pattern).cast(nw.Float64)


def follower_tier(followers: nw.Expr, bounds: Mapping[str, int] = FOLLOWER_TIERS) -> nw.Expr:
    """Return the name of the highest tier whose lower bound ``followers`` reaches, or "below" and the first tier."""
    first, *_ = bounds
    tier: nw.Expr = nw.lit(f"below {first}")
    for name, bound in sorted(bounds.items(), key=lambda item: item[1]):
        tier = nw.when(followers >= bound).then(nw.lit(name)).otherwise(tier)
    return tier


def account_age_days(tiktok_id: nw.Expr, observed_on: nw.Expr) -> nw.Expr:
    """Return the days from the creation of the account to ``observed_on``; missing without a plausible date.

    An account number is built like a Twitter snowflake: its upper 32 bits are the second of creation since 1970. The
    short numbers of the platform's first years are plain counters and hold no date.
    """
    # As a float: a text of 20 digits does not fit a 64-bit integer, and a float is exact to far less than a second.
    created = tiktok_id.cast(nw.Float64) / 4_294_967_296.0 / 86_400.0
    year = observed_on.dt.year()
    leap_days = (year - 1969) // 4  # right from 1970 to 2099
    observed = ((year - 1970) * 365 + leap_days + observed_on.dt.ordinal_day() - 1).cast(nw.Float64)
    return nw.when((created >= FIRST_DAY) & (observed >= created)).then(observed - created)
