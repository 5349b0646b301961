"""The card of one creator: figures among peers, persona, history, posting, notices and lookalikes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from markupsafe import Markup

from tiktok_pipeline.creators.figures import FIGURES
from tiktok_pipeline.explorer.fields import FIELDS, Field
from tiktok_pipeline.explorer.lookalikes import Lookalike, find_lookalikes
from tiktok_pipeline.explorer.published import Facts, Published
from tiktok_pipeline.explorer.svg import line_chart, percentile_bar

_POSTING = (
    *("activity", "days_since_last_post", "videos_per_week", "median_plays", "engagement_by_plays"),
    *("observed_on", "scraped_videos"),
)
FEW_VIDEOS = 5
"""With at most so many measured videos an engagement rate is called a rough figure."""


@dataclass(frozen=True)
class Comparison:
    """One figure of a creator among its peers."""

    field: Field
    value: float | None
    percentile: float | None
    low: float | None
    usual: float | None
    high: float | None
    known: int
    bar: Markup


@dataclass(frozen=True)
class Card:
    """All that the page of a creator shows."""

    creator: Mapping[str, Any]
    peers: Mapping[str, Any]
    comparisons: list[Comparison]
    posting: list[tuple[Field, Any]]
    notices: list[dict[str, Any]]
    history: list[dict[str, Any]]
    charts: list[Markup]
    handles: list[dict[str, Any]]
    growth: Mapping[str, Any] | None
    lookalikes: list[Lookalike] = field(default_factory=list)


def read_card(published: Published, facts: Facts, account_id: str) -> Card | None:
    """Return the card of a creator of the newest snapshot, or None if the snapshot does not have the handle."""
    found = published.rows(
        f"select * from {facts.source} where snapshot = ? and account_id = ?",
        [facts.snapshot, account_id],
    )
    if not found:
        return None
    creator = found[0]
    followers = int(creator["followers"])
    peers = next(iter(_all(published, facts, "creators.peers", account_id, followers)), {})
    handles = read_handles(published, facts, account_id)
    history = _history(published, facts, [account_id, *(str(row["account_id"]) for row in handles)])
    return Card(
        creator=creator,
        peers=peers,
        comparisons=[_comparison(peers, figure) for figure in FIGURES if peers.get(figure) is not None],
        posting=[(FIELDS[name], creator.get(name)) for name in _POSTING if creator.get(name) is not None],
        notices=_all(published, facts, "creators.notices", account_id, followers),
        history=history,
        charts=_charts(history),
        handles=handles,
        growth=next(iter(_all(published, facts, "creators.growth", account_id)), None),
        lookalikes=find_lookalikes(published, facts, account_id, followers),
    )


def present_handle(published: Published, facts: Facts, account_id: str) -> str | None:
    """Return the handle that a creator has now, for one of its earlier handles; None if nothing is known of it."""
    if "creators.handles" not in facts.tables:
        return None
    found = published.rows(
        "select later.account_id as account_id from creators.handles as earlier "
        "join creators.handles as later on later.creator_id = earlier.creator_id and later.valid_to is null "
        "where earlier.account_id = ? and later.account_id <> ? and later.last_seen = ? "
        "order by earlier.last_seen desc limit 1",
        [account_id, account_id, facts.snapshot],
    )
    return str(found[0]["account_id"]) if found else None


def last_seen(published: Published, account_id: str) -> str | None:
    """Return the newest snapshot that has the handle, or None."""
    found = published.rows(
        "select max(snapshot) as snapshot from creators.current where account_id = ?", [account_id]
    )
    return found[0]["snapshot"] if found else None


def read_handles(published: Published, facts: Facts, account_id: str) -> list[dict[str, Any]]:
    """Return the earlier handles of a creator, the newest first."""
    if "creators.handles" not in facts.tables or "creators.identities" not in facts.tables:
        return []
    return published.rows(
        "select account_id, valid_from, last_seen from creators.handles where creator_id = "
        "(select any_value(creator_id) from creators.identities where snapshot = ? and account_id = ?) "
        "and account_id <> ? order by valid_from desc limit 20",
        [facts.snapshot, account_id, account_id],
    )


def _all(
    published: Published, facts: Facts, table: str, account_id: str, followers: int | None = None
) -> list[dict[str, Any]]:
    """Return the rows of a creator; a table in the order of followers is read only where they are the creator's."""
    if table not in facts.tables:
        return []
    narrowed, values = ("", []) if followers is None else (" and followers = ?", [followers])
    return published.rows(
        f"select * from {table} where snapshot = ? and account_id = ?{narrowed}",
        [facts.snapshot, account_id, *values],
    )


def _comparison(peers: Mapping[str, Any], figure: str) -> Comparison:
    shown = FIELDS[figure]
    percentile = peers.get(f"{figure}_percentile")
    label = f"{shown.label}: above {100 * percentile:.0f}% of the peers" if percentile is not None else ""
    return Comparison(
        shown,
        peers[figure],
        percentile,
        low=peers.get(f"{figure}_low"),
        usual=peers.get(f"{figure}_usual"),
        high=peers.get(f"{figure}_high"),
        known=int(peers[f"{figure}_known"]),
        bar=percentile_bar(percentile, label=label) if percentile is not None else Markup(""),
    )


def _history(published: Published, facts: Facts, handles: list[str]) -> list[dict[str, Any]]:
    marks = ", ".join("?" * len(handles))
    persona = "persona" if facts.study else "null as persona"
    return published.rows(
        "select snapshot, account_id, followers, avg_engagement_rate, likes_per_video, videos_count, "
        f"{persona} from {facts.source} where account_id in ({marks}) order by snapshot",
        handles,
    )


def _charts(history: list[dict[str, Any]]) -> list[Markup]:
    charts = []
    for name in ("followers", "avg_engagement_rate", "likes_per_video"):
        shown = FIELDS[name]
        times = 100.0 if shown.unit == "percent" else 1.0
        points = [(str(row["snapshot"]), row[name] * times) for row in history if row[name] is not None]
        label = f"{shown.label}{', %' if times > 1 else ''}"
        if len(points) > 1:
            charts.append(
                Markup("<figure><figcaption>{}</figcaption>{}</figure>").format(
                    label, line_chart(points, label=label)
                )
            )
    return charts
