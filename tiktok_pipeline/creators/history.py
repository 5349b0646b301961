"""The creators of a snapshot in the order of their handles: what the card of one creator reads.

The order is part of the table: an engine that keeps the least and the greatest value of each block of rows finds one
handle in millions by reading one block for each snapshot.
"""

from __future__ import annotations

from typing import Any

import narwhals as nw

from tiktok_pipeline.creators.peer_schema import HISTORY_FIGURES, HISTORY_TABLE


def build_history(current: nw.LazyFrame[Any], identities: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    """Return the figures of each creator with who it is and where it was last seen.

    Parameters
    ----------
    current, identities : LazyFrame
        Rows of ``creators.current`` and ``creators.identities``.

    Returns
    -------
    LazyFrame
        Rows of ``creators.history``, by handle.
    """
    known = identities.select("account_id", "creator_id", "previous_snapshot", "previous_account_id")
    rows = current.select("account_id", *HISTORY_FIGURES).join(known, on="account_id", how="left")
    return rows.select(HISTORY_TABLE.frame_names).sort("account_id")
