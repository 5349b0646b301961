"""A few files of the redaction benchmark: no trace of the creator is left, and no other record changes."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.reliability.disk_damage import break_file
from benchmarks.reliability.redaction import measure_redaction


@pytest.mark.slow
def test_nothing_is_left_of_a_forgotten_creator_and_no_neighbor_changes(tmp_path: Path) -> None:
    counts = measure_redaction(24, seed=1, folder=tmp_path)
    assert counts.violations == []
    assert counts.redactions == 24
    assert counts.files == counts.refused + 2
    assert counts.records > 12
    assert counts.neighbors > 120


@pytest.mark.slow
def test_nothing_is_left_in_many_files(tmp_path: Path) -> None:
    assert measure_redaction(240, seed=1, folder=tmp_path, first=5000).violations == []


@pytest.mark.parametrize("damage", ["bit", "block", "zeros", "tail"])
def test_damage_changes_a_file(tmp_path: Path, damage: str) -> None:
    import random

    path = tmp_path / "f"
    content = bytes(range(1, 256)) * 40
    path.write_bytes(content)
    break_file(path, damage, random.Random(1))
    assert path.read_bytes() != content
