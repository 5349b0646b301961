"""The times of snapshots, read from their keys."""

from __future__ import annotations

from datetime import UTC, datetime

_FORMATS = {10: "%Y-%m-%d", 20: "%Y-%m-%dT%H-%M-%SZ"}


def days_between(earlier: str, later: str) -> float:
    """Return the days from one snapshot to another by their keys; negative if ``earlier`` is the later one.

    Examples
    --------
    >>> days_between("2024-03-04", "2024-04-01")
    28.0
    >>> days_between("2024-03-04T06-00-00Z", "2024-03-04T18-00-00Z")
    0.5
    """
    return (_time(later) - _time(earlier)).total_seconds() / 86_400.0


def _time(key: str) -> datetime:
    return datetime.strptime(key, _FORMATS[len(key)]).replace(tzinfo=UTC)


def by_nearness(key: str, others: list[str]) -> list[str]:
    """Return other snapshots, the nearest first; of two equally near ones the earlier first.

    Examples
    --------
    >>> by_nearness("2024-03-10", ["2024-01-01", "2024-03-11", "2024-03-09"])
    ['2024-03-09', '2024-03-11', '2024-01-01']
    """
    return sorted(others, key=lambda other: (abs(days_between(key, other)), other))
