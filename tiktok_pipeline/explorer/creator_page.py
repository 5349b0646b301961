"""The card of one creator: figures among peers, persona, history, posting, notices and lookalikes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from markupsafe import Markup

from tiktok_pipeline.clusters.border import ACTIONABLE, Move, moves_to_runner_up
from tiktok_pipeline.creators.figures import FIGURES
from tiktok_pipeline.explorer.creator_history import earlier_handles, read_history
from tiktok_pipeline.explorer.fields import FIELDS, Field
from tiktok_pipeline.explorer.lookalikes import Lookalike, find_lookalikes
from tiktok_pipeline.explorer.published import HISTORY, Facts, Published
from tiktok_pipeline.explorer.stored_model import read_model, read_own_features
from tiktok_pipeline.explorer.svg import line_chart, percentile_bar

_POSTING = (
    *("activity", "days_since_last_post", "videos_per_week", "median_plays", "engagement_by_plays"),
    *("observed_on", "scraped_videos"),
)
_HANDLES_TABLES = frozenset({"creators.handles", "creators.identities"})


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
    moves: list[Move] | None = None
    """What would move it to its runner-up; None if nothing is known of that."""


def read_card(published: Published, facts: Facts, account_id: str) -> Card | None:
    """Return the card of a creator of the newest snapshot, or None if the snapshot does not have the handle."""
    creator = _find(published, facts, account_id)
    if creator is None:
        return None
    followers = int(creator["followers"])
    peers = next(iter(_all(published, facts, "creators.peers", account_id, followers)), {})
    history = read_history(published, facts, account_id)
    return Card(
        creator=creator,
        peers=peers,
        comparisons=[_comparison(peers, figure) for figure in FIGURES if peers.get(figure) is not None],
        posting=[(FIELDS[name], creator.get(name)) for name in _POSTING if creator.get(name) is not None],
        notices=_all(published, facts, "creators.notices", account_id, followers),
        history=history,
        charts=_charts(history),
        handles=earlier_handles(history, account_id),
        growth=next(iter(_all(published, facts, "creators.growth", account_id)), None),
        **_by_the_model(published, facts, creator),
    )


def _find(published: Published, facts: Facts, account_id: str) -> dict[str, Any] | None:
    """Return the row of a creator in the newest snapshot, or None."""
    narrowed, values = "", [facts.snapshot, account_id]
    if HISTORY in facts.tables:  # it is in the order of handles; the other tables are in that of followers
        known = published.rows(f"select followers from {HISTORY} where snapshot = ? and account_id = ?", values)
        if not known:
            return None
        narrowed, values = " and followers = ?", [*values, known[0]["followers"]]
    found = published.rows(f"select * from {facts.source} where snapshot = ? and account_id = ?{narrowed}", values)
    return found[0] if found else None


def _by_the_model(published: Published, facts: Facts, creator: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parts of a card that the model of the study gives."""
    model = read_model(published, facts)
    if model is None:
        return {}
    own = read_own_features(published, facts, model, creator)
    lookalikes = find_lookalikes(published, facts, model, creator, own)
    counts = {ACTIONABLE[name] for name in model.features if name in ACTIONABLE}
    if not counts or not creator.get("runner_up") or len(model.centroids) < 2:
        return {"lookalikes": lookalikes}
    values = {name: math.nan if value is None else value for name, value in zip(model.features, own, strict=True)}
    limits = {name: published.count_limits(facts)[name] for name in counts}
    return {"lookalikes": lookalikes, "moves": moves_to_runner_up(model, values, limits)}


def present_handle(published: Published, facts: Facts, account_id: str) -> str | None:
    """Return the handle that a creator has now, for one of its earlier handles; None if nothing is known of it."""
    if not facts.tables >= _HANDLES_TABLES:
        return None
    # First who it is: with the creator as a value, the engine reads the handles of that creator alone.
    found = published.rows(
        "select creator_id from creators.identities where account_id = ? order by snapshot desc limit 1",
        [account_id],
    )
    spans = _spans(published, found[0]["creator_id"]) if found else []
    present = [row for row in spans if row["valid_to"] is None and row["last_seen"] == facts.snapshot]
    return next((str(row["account_id"]) for row in present if row["account_id"] != account_id), None)


def _spans(published: Published, creator_id: str) -> list[dict[str, Any]]:
    """Return the handles of a creator, the newest first."""
    return published.rows(
        "select account_id, valid_from, valid_to, last_seen from creators.handles where creator_id = ? "
        "order by valid_from desc limit 20",
        [creator_id],
    )


def last_seen(published: Published, account_id: str) -> str | None:
    """Return the newest snapshot that has the handle, or None."""
    found = published.rows(
        "select max(snapshot) as snapshot from creators.current where account_id = ?", [account_id]
    )
    return found[0]["snapshot"] if found else None


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
