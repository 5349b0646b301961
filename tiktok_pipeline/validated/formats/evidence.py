"""Evidence of formats: aggregates that registration computes in its single pass over a file."""

from __future__ import annotations

from datetime import date

import narwhals as nw

from tiktok_pipeline.raw.schema import Source


def evidence_expressions(source: Source, *, today: date) -> list[nw.Expr]:
    """Return the aggregates over rows of ``raw.<source>`` that tell which columns are not canonical.

    Parameters
    ----------
    source : Source
        The source of the rows.
    today : date
        The UTC day of registration; a later date is not plausible.

    Returns
    -------
    list of Expr
        Aggregates whose names start with ``format_``; select them with any other aggregate of the pass.
    """
    del source, today
    return []
