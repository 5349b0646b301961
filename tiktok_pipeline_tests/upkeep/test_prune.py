"""Which snapshots are removed. What is removed of them is tested with the command, in ``cli/test_erase.py``."""

from __future__ import annotations

from datetime import date

import pytest

from tiktok_pipeline.upkeep.prune import select_prunable

SNAPSHOTS = ["2024-03-01", "2024-01-01", "2024-02-01T06-30-00Z"]


@pytest.mark.parametrize(
    ("keep", "expected"),
    [
        (0, ["2024-01-01", "2024-02-01T06-30-00Z", "2024-03-01"]),
        (1, ["2024-01-01", "2024-02-01T06-30-00Z"]),
        (3, []),
        (9, []),
    ],
)
def test_the_newest_snapshots_are_kept(keep: int, expected: list[str]) -> None:
    assert select_prunable(SNAPSHOTS, keep=keep, before=None) == expected


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        ("2024-01-01", []),
        ("2024-02-01", ["2024-01-01"]),
        ("2024-02-02", ["2024-01-01", "2024-02-01T06-30-00Z"]),
    ],
)
def test_snapshots_before_a_day_are_removed_whatever_their_time(before: str, expected: list[str]) -> None:
    assert select_prunable(SNAPSHOTS, keep=None, before=date.fromisoformat(before)) == expected


@pytest.mark.parametrize("key", ["not a date", "2024-02-30", "", "zzz", "2099"])
def test_a_key_that_is_no_snapshot_is_neither_counted_nor_removed(key: str) -> None:
    assert select_prunable([*SNAPSHOTS, key], keep=1, before=None) == ["2024-01-01", "2024-02-01T06-30-00Z"]
    assert select_prunable([*SNAPSHOTS, key], keep=None, before=date(2200, 1, 1)) == sorted(SNAPSHOTS)
