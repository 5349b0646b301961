"""The measurement of crash safety: that it sees what it is there to see, and that a few kills break nothing."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import duckdb
import pytest

from benchmarks.reliability.crash import PHASES, Trial, measure_crashes, save, table
from benchmarks.reliability.states import (
    UnreadableStateError,
    leftovers,
    mixed_snapshots,
    published_of,
    raw_of,
    slices_of,
    unexpected_slices,
    warehouse_of,
)

OLD = {("a.x", "1", ""): "old x", ("a.y", "1", ""): "old y"}
NEW = {
    ("a.x", "1", ""): "new x",
    ("a.y", "1", ""): "new y",
    ("a.x", "2", ""): "second x",
    ("a.y", "2", ""): "second y",
}


def database(path: Path, *statements: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with duckdb.connect(str(path)) as connection:
        for statement in ("create schema if not exists s", *statements):
            connection.execute(statement)
    return path


def test_slices_are_told_by_snapshot_and_study_and_without_stamps(tmp_path: Path) -> None:
    make = "create table s.t as select '1' as snapshot, 'x' as study, 5 as n, timestamp '{}' as written_at"
    first = database(
        tmp_path / "a.duckdb", make.format("2024-01-01"), "create schema meta", "create table meta.t(i int)"
    )
    second = database(tmp_path / "b.duckdb", make.format("2025-01-01"))
    third = database(tmp_path / "c.duckdb", make.format("2024-01-01"), "update s.t set n = 6")
    found = slices_of(first, read_only=True)
    assert list(found) == [("s.t", "1", "x")]
    assert found == slices_of(second, read_only=True)
    assert found != slices_of(third, read_only=True)


def test_the_order_of_rows_is_no_difference(tmp_path: Path) -> None:
    rows = "create table s.t as select * from (values ('1', {}), ('1', {})) as v(snapshot, n)"
    first = database(tmp_path / "a.duckdb", rows.format(1, 2))
    second = database(tmp_path / "b.duckdb", rows.format(2, 1))
    assert slices_of(first, read_only=True) == slices_of(second, read_only=True)


def test_a_changed_slice_is_seen() -> None:
    assert unexpected_slices(OLD, OLD, NEW) == unexpected_slices(NEW, OLD, NEW) == []
    assert unexpected_slices({**OLD, ("a.x", "1", ""): "new x"}, OLD, NEW) == []
    assert unexpected_slices({**OLD, ("a.x", "1", ""): "half"}, OLD, NEW) == ["a.x 1"]
    assert unexpected_slices({("a.x", "1", ""): "old x"}, OLD, NEW) == ["a.y 1"]
    assert unexpected_slices({**NEW, ("a.z", "1", ""): "?"}, OLD, NEW) == ["a.z 1"]


def test_a_mixed_published_snapshot_is_seen() -> None:
    first_done = {key: value for key, value in NEW.items() if key[1] == "1"}
    assert [mixed_snapshots(slices, OLD, NEW) for slices in (OLD, NEW, first_done)] == [[], [], []]
    (told,) = mixed_snapshots({**OLD, ("a.x", "1", ""): "new x"}, OLD, NEW)
    assert told == "snapshot 1: of 2 slices 1 are as before and 1 as after"
    (told,) = mixed_snapshots({**OLD, ("a.x", "2", ""): "second x"}, OLD, NEW)
    assert told.startswith("snapshot 2: ")


def test_what_was_committed_counts_though_only_the_log_has_it(tmp_path: Path) -> None:
    home, away = tmp_path / "home", tmp_path / "away" / "warehouse"
    path = database(home / "warehouse" / "tiktok.duckdb", "create table s.t(snapshot varchar, n int)")
    connection = duckdb.connect(str(path))
    connection.execute("insert into s.t values ('1', 1)")
    shutil.copytree(path.parent, away)  # as a kill would leave it
    connection.close()
    assert (away / "tiktok.duckdb.wal").exists()
    assert warehouse_of(away.parent) == warehouse_of(home) != {}
    assert (away / "tiktok.duckdb.wal").exists()


def test_a_published_file_with_a_log_or_without_sense_is_seen(tmp_path: Path) -> None:
    path = database(tmp_path / "published" / "tiktok.duckdb")
    assert published_of(tmp_path) == {}
    log = path.with_name("tiktok.duckdb.wal")
    log.touch()
    with pytest.raises(UnreadableStateError, match="beside"):
        published_of(tmp_path)
    log.unlink()
    path.write_bytes(b"half a file")
    with pytest.raises(UnreadableStateError, match="cannot be read"):
        published_of(tmp_path)


def test_a_manifest_is_compared_without_its_stamps(tmp_path: Path) -> None:
    manifest = tmp_path / "raw" / "2024-03-04" / "manifest.json"
    manifest.parent.mkdir(parents=True)
    found = []
    for day, rows in ((1, 5), (2, 5), (1, 6)):
        manifest.write_text(json.dumps([{"file": "a.csv", "rows": rows, "ingested_at": f"2024-01-0{day}"}]))
        found.append(raw_of(tmp_path))
    assert found[0] == found[1] != found[2]
    manifest.write_text("[{")
    with pytest.raises(UnreadableStateError, match=r"manifest\.json"):
        raw_of(tmp_path)


def test_leftovers_are_seen(tmp_path: Path) -> None:
    (tmp_path / "raw" / ".staging-1").mkdir(parents=True)
    (tmp_path / "dagster" / "runs").mkdir(parents=True)
    (tmp_path / "stray").touch()
    assert leftovers(tmp_path, frozenset({"raw", "gone"})) == ["raw/.staging-1", "stray", "gone is missing"]


def test_the_result_is_counted_and_saved_beside_an_older_one(tmp_path: Path) -> None:
    trials = [Trial(1, 0.5, PHASES[0], (), (), ()), Trial(2, 2.5, PHASES[2], ("it differs",), (), ("a", "b"))]
    rows = table(trials)[1]
    assert [row[1] for row in rows] == [1, 0, 1, 0, 2]
    assert rows[-1] == ("all", 2, 1, 0, 1)
    first, second = save(trials, {"kills": 2}, tmp_path), save(trials, {"kills": 2}, tmp_path)
    assert first != second
    assert json.loads(first.read_text())["trials"][1]["after_stop"] == ["it differs"]


@pytest.mark.slow
def test_three_kills_break_nothing() -> None:
    lines: list[str] = []
    trials = measure_crashes(
        kills=3,
        seed=7,
        profiles=120,
        study="influencer_segments",
        step_megabytes=None,
        keep=None,
        log=lines.append,
    )
    assert len(trials) == 3
    assert not [trial for trial in trials if trial.differs], "\n".join(lines)
