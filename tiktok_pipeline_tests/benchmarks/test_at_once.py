"""Everything at once, for some seconds: nothing is lost, doubled or refused."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from benchmarks.reliability.at_once import AtOnce, prepare, run_at_once
from benchmarks.reliability.together import Readings


def test_what_happened_is_counted() -> None:
    run = AtOnce(Counter(forget=2), ["one"], [Readings(5, ["two"]), Readings(6)], forgotten=["a", "b"])
    expected = {"done": {"forget": 2}, "queries": 11, "forgotten": 2, "problems": ["one", "two"]}
    assert run.as_json() == expected


@pytest.mark.slow
def test_nothing_is_lost_or_doubled_while_everything_runs_at_once(tmp_path: Path) -> None:
    deliveries = prepare(tmp_path, profiles=80, snapshots=1, log=print)
    home = tmp_path / "run" / "home"
    home.parent.mkdir()
    run = run_at_once(deliveries, home, seconds=10, seed=1, refreshers=2, with_ui=False)
    assert run.as_json()["problems"] == []
    assert all(run.done[command] for command in ("refresh", "forget", "prune", "sql"))
