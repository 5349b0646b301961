"""Which snapshots are removed. What is removed of them is tested with the command, in ``cli/test_erase.py``."""

from __future__ import annotations

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
    assert select_prunable(SNAPSHOTS, keep=None, before=before) == expected
