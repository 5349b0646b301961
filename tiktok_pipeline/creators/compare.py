"""Counts who came, left, returned and was renamed between a snapshot and the one before."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import narwhals as nw
import pandas as pd

from tiktok_pipeline.creators.growth import MEASURES
from tiktok_pipeline.creators.schema import BY_ID, COMPARISONS_TABLE
from tiktok_pipeline.creators.snapshot_days import days_between
from tiktok_pipeline.frames import count_rows, fetch_row
from tiktok_pipeline.warehouse.base import Engine

Rows = nw.LazyFrame[Any]

NO_EARLIER_SNAPSHOT = "there is no earlier snapshot"


def content_of(identities: Rows, profiles: Rows, engine: Engine) -> str:
    """Return a hash of what later snapshots are compared with: the creators and their figures."""
    creators = engine.fingerprint(identities.select("account_id", "creator_id"))
    return f"{creators}{engine.fingerprint(profiles.select('account_id', *MEASURES))}"


def comparison(
    identities: Rows,
    *,
    snapshot: str,
    previous: str | None,
    before: Rows | None,
    contents: Mapping[str, str],
    own: str,
) -> pd.DataFrame:
    """Return the row of ``creators.comparisons``.

    Parameters
    ----------
    identities : LazyFrame
        Rows of ``creators.identities`` of the snapshot.
    snapshot, previous : str
        The keys of the snapshot and of the nearest earlier one, if there is one.
    before : LazyFrame, optional
        Rows of ``creators.identities`` of the earlier one.
    contents : mapping of str to str
        The content of each earlier snapshot, see `content_of`.
    own : str
        The content of this snapshot.
    """
    seen = nw.col("previous_snapshot")
    is_both = (seen == (previous or "")).cast(nw.Int64)
    counts = {
        name: int(value or 0)
        for name, value in fetch_row(
            identities.select(
                creators=nw.len(),
                in_both=is_both.sum(),
                arrivals=seen.is_null().cast(nw.Int64).sum(),
                seen_before=seen.count(),
                renamed=(nw.col("previous_account_id") != nw.col("account_id")).cast(nw.Int64).sum(),
                without_id=(nw.col("identified_by") != BY_ID).cast(nw.Int64).sum(),
            )
        ).items()
    }
    creators_before = count_rows(before) if before is not None else 0
    referred = identities.filter(~seen.is_null()).select("previous_snapshot").unique()
    keys = sorted({*referred.collect("pyarrow")["previous_snapshot"].to_list(), *([previous] if previous else [])})
    row = {
        "previous_snapshot": previous,
        "days": days_between(previous, snapshot) if previous else None,
        "creators": counts["creators"],
        "creators_before": creators_before,
        "in_both": counts["in_both"],
        "arrivals": counts["arrivals"],
        "returned": counts["seen_before"] - counts["in_both"],
        "departures": creators_before - counts["in_both"],
        "renamed": counts["renamed"],
        "without_id": counts["without_id"],
        "note": _note(previous, counts),
        "content": own,
        "compared_with": [f"{key} {contents.get(key, '')}" for key in keys],
    }
    return pd.DataFrame([row], columns=COMPARISONS_TABLE.frame_names).astype({"days": "float64"})


def _note(previous: str | None, counts: Mapping[str, int]) -> str | None:
    if previous is None:
        return NO_EARLIER_SNAPSHOT
    if not counts["creators"]:
        return "the snapshot has no creator"
    if not counts["in_both"]:
        no_ids = "; no row has a usable id" if counts["without_id"] == counts["creators"] else ""
        return f"no creator is also in snapshot {previous}{no_ids}"
    return None
