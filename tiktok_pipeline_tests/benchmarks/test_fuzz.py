"""Generated damaged deliveries: a file of each damage in the quick suite, some of a thousand in the slow one."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

import benchmarks.reliability.fuzz
from benchmarks.__main__ import app
from benchmarks.reliability.damage import DAMAGES, TWO, Delivery, delivery
from benchmarks.reliability.fuzz import (
    ACCEPTED,
    BROKE,
    LEFT,
    REFUSED,
    FuzzHome,
    Trial,
    fuzz,
    prepare_home,
    reason_problems,
    save,
    table,
    try_delivery,
)
from tiktok_pipeline.home.manifest import read_manifest

SEED = 1
SLOW = range(1, 1_001, 7)
"""Every seventh of a thousand files: each damage several times; `python -m benchmarks fuzz` looks at all of them."""
ONE_OF_EACH = len(DAMAGES) + 1


def violations(trials: Sequence[Trial]) -> list[str]:
    return [
        f"file {trial.number} ({trial.damage}, {trial.name!a}): {violation}"
        for trial in trials
        for violation in trial.violations
    ]


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FuzzHome]:
    with prepare_home(tmp_path_factory.mktemp("fuzz"), whole=False) as found:
        yield found


def test_a_file_is_the_same_whenever_it_is_made_and_each_damage_comes_in_turn() -> None:
    first = [delivery(number, SEED) for number in range(1, ONE_OF_EACH + 1)]
    assert first == [delivery(number, SEED) for number in range(1, ONE_OF_EACH + 1)]
    assert [file.damage for file in first] == [*DAMAGES, TWO]
    assert first != [delivery(number, SEED + 1) for number in range(1, ONE_OF_EACH + 1)]


@pytest.mark.slow
def test_a_file_of_each_damage_is_refused_or_refreshed_or_fails_plainly(ground: FuzzHome) -> None:
    trials = [try_delivery(ground, delivery(number, SEED)) for number in range(1, ONE_OF_EACH + 1)]
    assert not violations(trials)
    assert not benchmarks.reliability.fuzz.content_changed(ground)
    assert trials[0].outcome == ACCEPTED
    assert {trial.outcome for trial in trials} >= {ACCEPTED, REFUSED}


@pytest.mark.slow
def test_many_damaged_files_break_nothing() -> None:
    trials = fuzz(SLOW, seed=SEED)
    assert len(trials) == len(SLOW)
    assert not violations(trials)


def test_an_unexpected_error_is_a_violation_with_its_place(ground: FuzzHome, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        msg = "out of the blue"
        raise RuntimeError(msg)

    with monkeypatch.context() as patched:
        patched.setattr(benchmarks.reliability.fuzz, "ingest_inbox", fail)
        trial = try_delivery(ground, delivery(1, SEED))
    assert trial.outcome == BROKE
    assert any("RuntimeError: out of the blue" in text and "test_fuzz.py" in text for text in trial.violations)
    assert not try_delivery(ground, Delivery(2_000, "none", "empty.csv", b"")).violations


def test_a_lost_row_a_leftover_and_a_changed_slice_are_seen(
    ground: FuzzHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = read_manifest
    with monkeypatch.context() as patched:
        patched.setattr(
            benchmarks.reliability.fuzz,
            "read_manifest",
            lambda folder: [replace(entry, rows=entry.rows + 1) for entry in read(folder)],
        )
        stray = ground.settings.home / "stray"
        stray.mkdir()
        told = " ".join(try_delivery(replace(ground, slices=()), delivery(1, SEED)).violations)
        stray.rmdir()
    assert "rows do not balance: manifest 25, raw 24" in told
    assert "left in the home: ['stray']" in told
    assert "slices of the valid snapshot were written again" in told
    assert benchmarks.reliability.fuzz.content_changed(replace(ground, hashes={}))


def test_a_name_that_is_not_finished_is_left_alone(ground: FuzzHome) -> None:
    good = delivery(1, SEED)
    trial = try_delivery(ground, replace(good, name=".hidden.csv"))
    assert (trial.outcome, trial.violations) == (LEFT, ())


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "is empty"),
        ("a\nb\nc\nd", "has 4 lines"),
        ("x" * 2_501, "has 2501 characters"),
        ("Traceback (most recent call last)", "internals of the program: Traceback"),
        ("see /x/judge.py line 5", r"internals of the program: .py"),
        ("\x1b[31mred", r"control characters: '\x1b'"),
        ("a\u202eb", r"control characters: '\u202e'"),
        ("a\udce9b", r"control characters: '\udce9'"),
    ],
)
def test_what_a_person_should_not_have_to_read_is_seen(text: str, told: str) -> None:
    (found,) = reason_problems(text)
    assert told in found


def test_plain_reasons_are_let_through() -> None:
    assert not reason_problems("profiles.csv: the text is not UTF-8; save or convert it as UTF-8\nsee there 🎬")


def test_one_file_is_written_on_demand_and_a_violation_ends_in_1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = delivery(1, SEED)
    good = Trial(1, "none", file.name, ACCEPTED, "", 0.1, ())
    monkeypatch.setattr(benchmarks.reliability.fuzz, "fuzz", lambda *_, **__: [good])
    called = CliRunner().invoke(app, ["fuzz", "--only", "1", "--keep", str(tmp_path)])
    assert called.exit_code == 0, called.output
    assert (tmp_path / "1" / file.name).read_bytes() == file.content
    bad = Trial(7, "none", "a\nb.csv", BROKE, "", 0.1, ("it broke",))
    monkeypatch.setattr(benchmarks.reliability.fuzz, "fuzz", lambda *_, **__: [bad])
    called = CliRunner().invoke(app, ["fuzz", "--files", "1"])
    assert called.exit_code == 1
    assert "it broke" in called.output


def test_outcomes_are_counted_and_saved_beside_an_older_result(tmp_path: Path) -> None:
    trials = [
        Trial(1, "none", "a.csv", ACCEPTED, "", 0.5, ()),
        Trial(2, "empty", "b.csv", REFUSED, "it is empty", 0.1, ("it is left in incoming",)),
    ]
    names, rows = table(trials)
    assert [dict(zip(names, row, strict=True)) for row in rows][-1] == {
        "damage": "all", "files": 2, "accepted": 1, "refused": 1, "failed plainly": 0, "left alone": 0, "broke": 0,
        "violations": 1,
    }  # fmt: skip
    first, second = (save(trials, {"seed": 1}, tmp_path) for _ in range(2))
    assert first != second
    assert json.loads(first.read_text())["violations"][0]["number"] == 2
