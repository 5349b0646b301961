"""What is unusual about a creator: a figure beyond nearly all of its peers, and beyond a bound that does not move.

A notice says what stands out and what is usual. It is no verdict: there is no total score, and a figure that stands
out has many causes, such as one video that went around the world.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import narwhals as nw

from tiktok_pipeline.creators.peer_schema import NOTICES_TABLE

FEWEST_PEERS = 200
"""Fewest peers with a value for a notice: with fewer, the 1st and the 99th percentile are single creators."""


SMALLEST_REACH = FEWEST_PEERS // 2
"""Fewest creators on each side of a window for notices; `tiktok_pipeline.creators.peers` uses fewer."""


@dataclass(frozen=True)
class Notice:
    """One kind of notice.

    Attributes
    ----------
    name : str
        The value of column ``notice``.
    figure : str
        The figure that is compared, one of `tiktok_pipeline.creators.figures.FIGURES`.
    side : {"above", "below"}
        Above the 99th or below the 1st percentile of the peers.
    floor : float
        The figure must also be at least (above) or at most (below) this value.
    text : str
        What it says, for people.
    """

    name: str
    figure: str
    side: Literal["above", "below"]
    floor: float
    text: str


NOTICES: tuple[Notice, ...] = (
    Notice("high engagement", "avg_engagement_rate", "above", 0.1, "engages more than nearly all peers"),
    Notice("low engagement", "avg_engagement_rate", "below", 0.005, "engages less than nearly all peers"),
    Notice("many comments", "comment_share", "above", 0.1, "gets more comments per reaction than nearly all peers"),
    Notice("few comments", "comment_share", "below", 0.002, "gets fewer comments per reaction than nearly all peers"),
    Notice("many likes", "likes_per_video", "above", 1_000.0, "gets more likes per video than nearly all peers"),
    Notice("fast growth", "growth_30_days", "above", 0.2, "grows faster than nearly all peers"),
    Notice("shrinking", "growth_30_days", "below", -0.02, "loses followers faster than nearly all peers"),
)


def build_notices(peers: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    """Return the notices of each creator.

    Parameters
    ----------
    peers : LazyFrame
        Rows as in ``creators.peers``, of windows that reach at least `SMALLEST_REACH`.

    Returns
    -------
    LazyFrame
        Rows of ``creators.notices``.
    """
    return nw.concat([_rows(peers, notice) for notice in NOTICES], how="vertical")


def _rows(peers: nw.LazyFrame[Any], notice: Notice) -> nw.LazyFrame[Any]:
    value = nw.col(notice.figure)
    low, high = nw.col(f"{notice.figure}_low"), nw.col(f"{notice.figure}_high")
    known = nw.col(f"{notice.figure}_known")
    is_beyond = (
        (value > high) & (value >= notice.floor)
        if notice.side == "above"
        else (value < low) & (value <= notice.floor)
    )
    return (
        peers.filter(is_beyond & (known >= FEWEST_PEERS))
        .with_columns(
            nw.lit(notice.name).alias("notice"),
            nw.lit(notice.figure).alias("figure"),
            value.alias("value"),
            low.alias("usual_low"),
            nw.col(f"{notice.figure}_usual").alias("usual"),
            high.alias("usual_high"),
            known.alias("known_peers"),
        )
        .select(NOTICES_TABLE.frame_names)
    )
