"""Damage of the files of a home: a few trials, none of them silent."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.reliability.disk_damage import DamageTrial, damage_counts, measure_damage


def test_damage_is_counted() -> None:
    trials = [
        DamageTrial(1, "a.duckdb", "bit", 1, "sql", 1),
        DamageTrial(2, "b.json", "bit", 0, "sql", 0),
        DamageTrial(3, "c.csv", "tail", 0, "sql", 0, "silent"),
    ]
    counts = damage_counts(trials)
    assert counts["trials"] == 3
    assert counts["reported by doctor"] == 1
    assert counts["nothing that the home says changed"] == 1
    assert counts["problems"] == {"silent": 1}


@pytest.mark.slow
def test_no_damage_is_silent(tmp_path: Path) -> None:
    lines: list[str] = []
    found = measure_damage(6, seed=5, folder=tmp_path, log=lines.append)
    assert len(found) == 6
    assert not [trial for trial in found if trial.problem], lines
    assert any(trial.doctor == 1 for trial in found)
