"""The copies of a home at each step of a command: what a kill there would leave."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

from benchmarks.reliability.every_step import CopiedSteps, StoppedState, content_hash, state_counts
from benchmarks.reliability.forked import traced


def test_each_copy_is_the_home_before_its_step(tmp_path: Path) -> None:
    home, copies = tmp_path / "home", tmp_path / "copies"
    home.mkdir()
    copies.mkdir()
    (home / "before.txt").write_text("there before", encoding="utf-8")
    arguments = ("sample", "--out", str(home / "s"), "--profiles", "60")
    code, said, names, _ = traced(home, *arguments, steps=CopiedSteps(home, copies))
    assert code == 0, said
    steps = sorted(int(copy.name) for copy in copies.iterdir())
    assert steps[0] == 1
    assert len(steps) > 2
    assert [path.name for path in (copies / "1").iterdir()] == ["before.txt"], "nothing is done before it"
    hashes = [content_hash(copies / str(step)) for step in steps]
    assert all(earlier != later for earlier, later in pairwise(hashes))
    for step, name in enumerate(names, start=1):
        if name.startswith("os.rename "):
            draft = name.removeprefix("os.rename /")
            copy = copies / str(max(earlier for earlier in steps if earlier <= step))
            assert (copy / draft).exists(), "the draft is there until it is renamed"


def test_a_changed_byte_a_new_folder_and_another_name_change_the_hash(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x")
    found = [content_hash(tmp_path)]
    (tmp_path / "a").write_bytes(b"y")
    found.append(content_hash(tmp_path))
    (tmp_path / "a").rename(tmp_path / "b")
    found.append(content_hash(tmp_path))
    (tmp_path / "c").mkdir()
    found.append(content_hash(tmp_path))
    assert len(set(found)) == 4


def test_states_and_their_steps_are_counted() -> None:
    states = [
        StoppedState("forget", 1, 4, "open x"),
        StoppedState("forget", 5, 5, "os.rename x", problem="the name is left"),
        StoppedState("prune", 1, 1, "open y"),
    ]
    assert state_counts(states) == {
        "states": {"forget": 2, "prune": 1},
        "steps": {"forget": 5, "prune": 1},
        "differ after the rerun": 1,
    }
