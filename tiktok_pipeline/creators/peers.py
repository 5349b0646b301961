"""Each creator among its peers: the creators nearest by followers, not those of a tier with fixed bounds.

The peers of a creator are the ``reach`` creators before and after it in the order of followers, itself included. A
window that moves with the size has no edges inside: just above a tier's bound, a tier compares a creator with far
larger ones. The median of the window predicts an engagement rate better than a tier's median or a quantile regression
(pinball loss on 54,000 real profiles: 0.308 against 0.327 and 0.321).

References
----------
R. J. Hyndman and Y. Fan (1996), "Sample quantiles in statistical packages", definition 7 (the usual range).
"""

from __future__ import annotations

from typing import Any

import narwhals as nw

from tiktok_pipeline.creators.figures import FIGURES
from tiktok_pipeline.creators.peer_schema import PEERS_TABLE
from tiktok_pipeline.frames import count_rows
from tiktok_pipeline.warehouse.base import Engine

SMALLEST_REACH, LARGEST_REACH = 25, 250
"""Fewest and most creators on each side of a window."""

CREATORS_PER_REACH = 40
"""A window reaches over a fortieth of the creators on each side, within the bounds above."""

STEPS_PER_REACH = 5
"""In a large snapshot the usual range is taken at every fifth of a reach and holds for the creators nearest to it."""

LARGEST_EXACT_REACH = 100
"""Up to this reach each creator has the usual range of its own window."""

FEWEST_KNOWN = 20
"""Fewest peers with a value for a percentile and a usual range."""


def reach_of(creators: int) -> int:
    """Return how many creators a window holds on each side of its creator.

    Examples
    --------
    >>> reach_of(100), reach_of(4_000), reach_of(1_000_000)
    (25, 100, 250)
    """
    return min(max(creators // CREATORS_PER_REACH, SMALLEST_REACH), LARGEST_REACH)


def step_of(reach: int) -> int:
    """Return how many creators lie between two places where the usual range is taken.

    Examples
    --------
    >>> step_of(25), step_of(100), step_of(250)
    (1, 1, 50)
    """
    return 1 if reach <= LARGEST_EXACT_REACH else reach // STEPS_PER_REACH


def build_peers(
    features: nw.LazyFrame[Any],
    engine: Engine,
    growth: nw.LazyFrame[Any] | None = None,
    *,
    smallest_reach: int = SMALLEST_REACH,
) -> nw.LazyFrame[Any]:
    """Compare each creator with its peers, figure by figure.

    Parameters
    ----------
    features : LazyFrame
        Rows of ``features.profiles`` of one snapshot.
    engine : Engine
        Computes the windows.
    growth : LazyFrame, optional
        ``account_id`` and ``growth_30_days``; without it the growth is missing.
    smallest_reach : int
        Fewest creators on each side of a window.

    Returns
    -------
    LazyFrame
        Rows of ``creators.peers``. A percentile is the mid-rank: (peers below + half of the peers equal to the value,
        the creator included) / peers with a value. The usual range is that of the nearest place, see `step_of`.
    """
    names = [figure for figure in FIGURES if figure != "growth_30_days"]
    rows = features.select("account_id", "follower_tier", nw.col("followers").cast(nw.Int64), *names)
    if growth is not None:
        rows = rows.join(growth.select("account_id", "growth_30_days"), on="account_id", how="left")
        names.append("growth_30_days")
    reach = max(reach_of(count_rows(rows)), smallest_reach)
    ranked = engine.rank_among_nearest(
        rows, names, order_by=("followers", "account_id"), reach=reach, every=step_of(reach)
    )
    if growth is None:
        ranked = _without_growth(ranked)
    percentiles = [_percentile(figure) for figure in FIGURES]
    expected = nw.col("avg_engagement_rate_usual")
    compared = ranked.with_columns(*percentiles, *_usual()).with_columns(
        nw.when(expected > 0).then(nw.col("avg_engagement_rate") / expected).alias("times_expected")
    )
    return compared.select(PEERS_TABLE.frame_names)


def _without_growth(ranked: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    """Return the rows as if the growth had been ranked and no creator had one."""
    counts = {f"growth_30_days_{name}": 0 for name in ("known", "below", "above")}
    missing = ("growth_30_days", *(f"growth_30_days_{quantile}" for quantile in ("q01", "q50", "q99")))
    return ranked.with_columns(
        *(nw.lit(count).cast(nw.Int64).alias(name) for name, count in counts.items()),
        *(nw.lit(None).cast(nw.Float64).alias(name) for name in missing),
    )


def _is_known(figure: str) -> nw.Expr:
    return ~nw.col(figure).is_null() & (nw.col(f"{figure}_known") >= FEWEST_KNOWN)


def _percentile(figure: str) -> nw.Expr:
    below, known = nw.col(f"{figure}_below").cast(nw.Float64), nw.col(f"{figure}_known").cast(nw.Float64)
    equal = known - below - nw.col(f"{figure}_above").cast(nw.Float64)
    return nw.when(_is_known(figure)).then((below + 0.5 * equal) / known).alias(f"{figure}_percentile")


def _usual() -> list[nw.Expr]:
    quantiles = {"low": "q01", "usual": "q50", "high": "q99"}
    return [
        nw.when(nw.col(f"{figure}_known") >= FEWEST_KNOWN)
        .then(nw.col(f"{figure}_{quantile}"))
        .alias(f"{figure}_{name}")
        for figure in FIGURES
        for name, quantile in quantiles.items()
    ]
