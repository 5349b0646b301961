"""Tell whether the clock of this machine went back: days of deliveries are judged by it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from tiktok_pipeline.home.manifest import StoredFile

_GRACE = timedelta(hours=1)

CHECK_CLOCK = "set the clock of this machine: newer days than today are not read from files, and sensors wait"
"""The remedy for a clock that went back."""


def now() -> datetime:
    """Return the time of this machine's clock, in UTC."""
    return datetime.now(tz=UTC)


def clock_problem(files: Iterable[StoredFile], at: datetime) -> str:
    """Return a sentence if a stored file was ingested later than ``at``; "" otherwise.

    Examples
    --------
    >>> clock_problem([], datetime(2024, 3, 1, tzinfo=UTC))
    ''
    """
    latest = max((file.ingested_at for file in files), default="")
    if latest <= (at + _GRACE).replace(tzinfo=None).isoformat():
        return ""
    return f"the clock shows {at:%Y-%m-%d %H:%M} UTC, but a file was ingested at {latest.replace('T', ' ')[:16]}"
