"""Says in words what is odd about how a creator changed: far beyond its peers, and beyond a bound that does not move.

Most creators lose a few followers now and then, so a fall alone is no flag. Peers are the creators of the same size
tier before.
"""

from __future__ import annotations

from typing import Any, Literal

import narwhals as nw

from tiktok_pipeline.creators.figures import SMALLEST_GAIN
from tiktok_pipeline.creators.notices import FEWEST_PEERS

Rows = nw.LazyFrame[Any]

SMALLEST_FALL = 0.05
"""Share of the count before: a count that is rounded, as 1.2M, falls by nearly as much without any cause."""

SMALLEST_LOSSES = {"followers": 100, "likes": 100, "videos": 5}
"""Fewest followers, likes and videos that are lost, whatever their share."""

TIMES_BEYOND = 2.0
"""A growth is odd if it is so many times as far from the peers' median as their 1st or 99th percentile."""

NOT_LATER = "the row is not of a later time than the one before"

_TIER = "previous_tier"
_LIFETIME = {"likes": "likes", "videos": "videos_count"}
"""Counts over the whole life of an account: they fall where videos are deleted or hidden."""


def with_flags(growth: Rows) -> Rows:
    """Add column ``flags``.

    Parameters
    ----------
    growth : LazyFrame
        Rows of ``creators.growth`` without flags, and for each count ``*_before``. They are read twice.
    """
    changed = growth.with_columns(_change(name, f"{count}_before") for name, count in _LIFETIME.items())
    rate = nw.col("growth_30_days")
    peers = changed.group_by(_TIER).agg(
        _quantile(rate, 0.01, "growth_low"),
        _quantile(rate, 0.5, "growth_usual"),
        _quantile(rate, 0.99, "growth_high"),
        *(_quantile(nw.col(f"{name}_change"), 0.01, f"{name}_low") for name in _LIFETIME),
        *(nw.col(f"{name}_change").count().alias(f"{name}_known") for name in _LIFETIME),
    )
    texts = [_follower_flag("grew"), _follower_flag("fell"), *(_lifetime_flag(*count) for count in _LIFETIME.items())]
    undated = nw.when(nw.col("days").is_null()).then(nw.lit(NOT_LATER))
    text = nw.concat_str([*texts, undated], separator="; ", ignore_nulls=True)
    flagged = changed.join(peers, on=_TIER, how="left")
    return flagged.with_columns(nw.when(text != "").then(text).alias("flags"))


def _change(name: str, before: str) -> nw.Expr:
    change = nw.col(f"{name}_gained").cast(nw.Float64) / nw.col(before).cast(nw.Float64)
    return nw.when(nw.col(before) > 0).then(change).alias(f"{name}_change")


def _quantile(value: nw.Expr, share: float, name: str) -> nw.Expr:
    return value.quantile(share, interpolation="linear").alias(name)


def _follower_flag(verb: Literal["grew", "fell"]) -> nw.Expr:
    """Return the words for followers that grew or fell far more than those of the peers; null for the others."""
    growth, usual, gained = nw.col("growth_30_days"), nw.col("growth_usual"), nw.col("followers_gained")
    low, high = nw.col("growth_low"), nw.col("growth_high")
    if verb == "grew":
        is_large = gained >= SMALLEST_GAIN
        is_beyond = growth - usual > TIMES_BEYOND * (high - usual)
    else:
        is_large = (-gained >= SMALLEST_LOSSES["followers"]) & (growth <= -SMALLEST_FALL)
        is_beyond = usual - growth > TIMES_BEYOND * (usual - low)
    text = nw.concat_str(
        nw.lit(f"followers {verb} by "),
        _percent(growth.abs()),
        nw.lit(" in 30 days; 98 of 100 creators of tier "),
        nw.col(_TIER),
        nw.lit(" changed by "),
        _percent(low),
        nw.lit(" to "),
        _percent(high),
    )
    return nw.when((nw.col("peers") >= FEWEST_PEERS) & is_large & is_beyond).then(text)


def _lifetime_flag(name: str, count: str) -> nw.Expr:
    """Return the words for a count that should never fall; with few peers the bounds alone decide."""
    lost, change, low = -nw.col(f"{name}_gained"), nw.col(f"{name}_change"), nw.col(f"{name}_low")
    has_peers = nw.col(f"{name}_known") >= FEWEST_PEERS
    usual = nw.concat_str(nw.lit("; 99 of 100 creators of tier "), nw.col(_TIER), nw.lit(" lost less"))
    text = nw.concat_str(
        nw.lit(f"{name} fell by "),
        lost.cast(nw.String),
        nw.lit(" ("),
        _percent(change.abs()),
        nw.lit(") to "),
        nw.col(count).cast(nw.String),
        nw.when(has_peers).then(usual).otherwise(nw.lit("")),
    )
    is_large = (lost >= SMALLEST_LOSSES[name]) & (change <= -SMALLEST_FALL)
    return nw.when(is_large & (~has_peers | (change < low))).then(text)


def _percent(value: nw.Expr) -> nw.Expr:
    return nw.concat_str((value * 100.0).round(1).cast(nw.String), nw.lit(" %"))
