"""Counts how creators went from segment to segment, and tells what became of each segment.

Both are made from one small table of counts: the segment before, the segment that the earlier model gives the new
row, and the segment now. A creator moved if the first two differ, the model moved if the last two differ.

References
----------
M. Spiliopoulou et al. (2006), "MONIC: modeling and monitoring cluster transitions".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from tiktok_pipeline.personas.schema import LIFECYCLE_TABLE, MIGRATIONS_TABLE
from tiktok_pipeline.personas.verdict import NOT_ENOUGH_DATA

SURVIVAL, SPLIT = 0.7, 0.3
"""Least share of a segment's creators in one segment that it survives as, and in each of those it splits into."""

MOST_MODEL_MOVED = 0.05
"""Share of the creators with a segment in both snapshots; if the model moved more, sizes cannot be compared."""

JOINT_COLUMNS = ("was_there", "before", "by_earlier_model", "now", "creators")
"""The counts: whether the creators were there, the three segments by name, and the number of creators."""


def migrations(
    joint: pd.DataFrame, departed: Mapping[str, int], *, previous_snapshot: str, previous_content: str
) -> pd.DataFrame:
    """Return rows of ``personas.migrations``.

    Parameters
    ----------
    joint : DataFrame
        Counts with `JOINT_COLUMNS`; ``before`` is missing for creators that were not there.
    departed : mapping of str to int
        The creators of each earlier segment that are not in this snapshot.
    previous_snapshot, previous_content : str
        The earlier snapshot, and the hash of what was compared.
    """
    counts = joint.assign(
        kind=joint["was_there"].map({True: "both", False: "arrival"}),
        persona_before=joint["before"].where(joint["was_there"], None),
        persona=joint["now"],
        creator_moved=joint["creators"].where(joint["was_there"] & (joint["before"] != joint["by_earlier_model"]), 0),
        model_moved=joint["creators"].where(joint["was_there"] & (joint["by_earlier_model"] != joint["now"]), 0),
    )
    keys = ["kind", "persona_before", "persona"]
    figures = ["creators", "creator_moved", "model_moved"]
    summed = counts.groupby(keys, dropna=False)[figures].sum().reset_index().to_dict("records")
    rows: list[dict[str, Any]] = [{str(name): value for name, value in row.items()} for row in summed]
    rows += [
        {
            "kind": "departure",
            "persona_before": persona,
            "persona": None,
            "creators": creators,
            "creator_moved": 0,
            "model_moved": 0,
        }
        for persona, creators in sorted(departed.items())
        if creators
    ]
    frame = pd.DataFrame(
        [{**row, "previous_snapshot": previous_snapshot, "previous_content": previous_content} for row in rows],
        columns=MIGRATIONS_TABLE.frame_names,
    )
    texts = frame[["persona_before", "persona"]].astype("string")
    return frame.assign(persona_before=texts["persona_before"], persona=texts["persona"])


def moved_shares(migrations: pd.DataFrame) -> dict[str, float | None]:
    """Return the shares of creators for which the creator or the model moved, 0 to 1.

    Only creators with a segment in both snapshots count: a value that was missing and is known now is no move. Both
    shares are None if there is no such creator.
    """
    has_segments = (migrations[["persona_before", "persona"]] != NOT_ENOUGH_DATA).all(axis=1)
    both = migrations[(migrations["kind"] == "both") & has_segments]
    creators = float(both["creators"].sum())
    return {
        f"{kind}_moved_share": float(both[f"{kind}_moved"].sum()) / creators if creators else None
        for kind in ("creator", "model")
    }


def lifecycle(
    joint: pd.DataFrame,
    *,
    segments_before: Sequence[str],
    segments: Sequence[str],
    shifts: Mapping[tuple[str, str], str],
    previous_snapshot: str,
) -> pd.DataFrame:
    """Return rows of ``personas.lifecycle``.

    Parameters
    ----------
    joint : DataFrame
        Counts with `JOINT_COLUMNS`.
    segments_before, segments : sequence of str
        The segments of both snapshots.
    shifts : mapping of (str, str) to str
        The shift of the centroid for each pair of a segment before and a segment now.
    previous_snapshot : str
        The earlier snapshot.
    """
    counts = joint.groupby(["by_earlier_model", "now"])["creators"].sum()
    shared = {(before, now): int(counts.get((before, now), 0)) for before in segments_before for now in segments}
    sizes_before = {before: _size(joint, "by_earlier_model", before) for before in segments_before}
    sizes = {now: _size(joint, "now", now) for now in segments}
    rows = []
    for transition, before, now in _transitions(shared, sizes_before, segments):
        overlap, shift = None, None
        if before is not None and now is not None:
            overlap = shared[before, now] / sizes_before[before] if sizes_before[before] else None
            shift = shifts.get((before, now))
        rows.append(
            {
                "transition": transition,
                "previous_snapshot": previous_snapshot,
                "persona_before": before,
                "persona": now,
                "overlap": overlap,
                "creators_before": None if before is None else sizes_before[before],
                "creators": None if now is None else sizes[now],
                "shift": shift,
            }
        )
    frame = pd.DataFrame(rows, columns=LIFECYCLE_TABLE.frame_names)
    texts = frame[["persona_before", "persona", "shift"]].astype("string")
    counted = frame[["creators_before", "creators"]].astype("Int64")
    return frame.assign(**texts, **counted, overlap=frame["overlap"].astype("float64"))


def _size(joint: pd.DataFrame, column: str, segment: str) -> int:
    return int(joint.loc[joint[column] == segment, "creators"].sum())


def _transitions(
    shared: Mapping[tuple[str, str], int], sizes_before: Mapping[str, int], segments: Sequence[str]
) -> list[tuple[str, str | None, str | None]]:
    """Return (transition, segment before, segment now); one row for each part of a split."""
    survivors: dict[str, str] = {}
    parts: dict[str, list[str]] = {}
    for before, size in sizes_before.items():
        overlap = {now: shared[before, now] / size if size else 0.0 for now in segments}
        best = max(overlap, key=lambda now: overlap[now], default=None)
        if best is not None and overlap[best] >= SURVIVAL:
            survivors[before] = best
            continue
        candidates = [now for now in segments if overlap[now] >= SPLIT]
        if len(candidates) > 1 and sum(overlap[now] for now in candidates) >= SURVIVAL:
            parts[before] = candidates
    claims = list(survivors.values())
    rows: list[tuple[str, str | None, str | None]] = []
    for before in sizes_before:
        if before in survivors:
            transition = "merged" if claims.count(survivors[before]) > 1 else "survived"
            rows.append((transition, before, survivors[before]))
        elif before in parts:
            rows += [("split", before, now) for now in parts[before]]
        else:
            rows.append(("vanished", before, None))
    reached = {now for _, _, now in rows}
    return [*rows, *(("emerged", None, now) for now in segments if now not in reached)]
