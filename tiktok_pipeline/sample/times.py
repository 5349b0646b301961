"""The calendar of the sample: the days of its snapshots, as dates and as seconds since 1970 (UTC)."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

FIRST_DAY = date(2024, 3, 4)
DAYS_BETWEEN = 28
SCRAPING_DAYS = 25
"""A creator is observed at most this many days before the day of the snapshot."""

SECONDS_PER_DAY = 86_400
_EPOCH = date(1970, 1, 1)


def snapshot_day(snapshot: int) -> date:
    """Return the day of a snapshot, numbered from 0.

    Examples
    --------
    >>> snapshot_day(1)
    datetime.date(2024, 4, 1)
    """
    return FIRST_DAY + timedelta(days=DAYS_BETWEEN * snapshot)


def snapshot_second(snapshot: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return noon of the day of each snapshot."""
    noon = (FIRST_DAY - _EPOCH).days * SECONDS_PER_DAY + SECONDS_PER_DAY // 2
    return noon + snapshot * (DAYS_BETWEEN * SECONDS_PER_DAY)


def observation_second(snapshot: int, age_days: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return noon of the day on which each creator was observed."""
    return snapshot_second(np.full(len(age_days), snapshot, dtype=np.int64)) - age_days * SECONDS_PER_DAY
