"""The figures of one creator in all snapshots, under all the handles that it had."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tiktok_pipeline.explorer.published import HISTORY, Facts, Published

MOST_HANDLES = 20
_SHOWN = "snapshot, account_id, followers, avg_engagement_rate, likes_per_video, videos_count"

Rows = list[dict[str, Any]]


def read_history(published: Published, facts: Facts, account_id: str) -> Rows:
    """Return the rows of a creator of the newest snapshot, the oldest first.

    The handles that it had before are found from row to row: each names the handle in the snapshot before.
    """
    if HISTORY not in facts.tables:
        return _read_rows(published, facts, facts.source, account_id)
    rows: Rows = []
    names, creator_id = [account_id], None
    for name in names:  # grows below
        found = _read_rows(published, facts, HISTORY, name, ", creator_id, previous_account_id")
        creator_id = creator_id or next((row["creator_id"] for row in reversed(found)), None)
        own = [row for row in found if row["creator_id"] == creator_id]
        rows += own
        earlier = dict.fromkeys(row["previous_account_id"] for row in own if row["previous_account_id"])
        names += [handle for handle in earlier if handle not in names][: MOST_HANDLES - len(names)]
    if facts.source != "creators.current":  # the table has the personas of one study
        shown = [row for name in names for row in _read_rows(published, facts, facts.source, name)]
        personas = {(row["snapshot"], row["account_id"]): row["persona"] for row in shown}
        rows = [row | {"persona": personas.get((row["snapshot"], row["account_id"]))} for row in rows]
    return sorted(rows, key=lambda row: str(row["snapshot"]))


def earlier_handles(history: Sequence[dict[str, Any]], account_id: str) -> Rows:
    """Return the other handles in a history with the snapshots that have them, the newest first.

    Examples
    --------
    >>> rows = [{"snapshot": "2024-03-01", "account_id": "old"}, {"snapshot": "2024-04-01", "account_id": "new"}]
    >>> earlier_handles(rows, "new")
    [{'account_id': 'old', 'valid_from': '2024-03-01', 'last_seen': '2024-03-01'}]
    """
    seen: dict[str, list[str]] = {}
    for row in history:
        seen.setdefault(row["account_id"], []).append(row["snapshot"])
    found = [
        {"account_id": handle, "valid_from": min(snapshots), "last_seen": max(snapshots)}
        for handle, snapshots in seen.items()
        if handle != account_id
    ]
    return sorted(found, key=lambda row: row["last_seen"], reverse=True)


def _read_rows(published: Published, facts: Facts, source: str, account_id: str, more: str = "") -> Rows:
    persona = "persona" if facts.study else "null as persona"
    return published.rows(
        f"select {_SHOWN}, {persona}{more} from {source} where account_id = ? order by snapshot", [account_id]
    )
