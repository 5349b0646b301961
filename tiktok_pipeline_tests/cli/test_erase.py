"""``forget``, ``prune`` and ``doctor``: what is erased is gone everywhere, and every disagreement is reported."""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import shutil
import sqlite3
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from dagster import DagsterInstance

from tiktok_pipeline.cli.console import FAILED, INTERRUPTED, USAGE_ERROR
from tiktok_pipeline.home.manifest import read_manifest, snapshots_on_disk
from tiktok_pipeline.orchestration.maintenance import erase as erasing
from tiktok_pipeline.orchestration.partitions import known_snapshots
from tiktok_pipeline.orchestration.runs.outcome import STOPPED, UNEXPECTED, Failure, Outcome
from tiktok_pipeline.privacy.journal import read_journal
from tiktok_pipeline.privacy.suppression import read_suppression_list
from tiktok_pipeline_tests.homes import Home, Said, Tables, run_command_line
from tiktok_pipeline_tests.scrapes import HANDLE, LATER_HANDLE, NUMBER, creators, forgettable, spoiled, write_csv

Call = Callable[..., Said]
STUDY = "influencer_segments"


def scrape(folder: Path, day: str, handle: str = HANDLE, *, seed: int = 1) -> Path:
    """Write 60 creators; the fourth is the one to forget, the sixth mentions them."""
    return write_csv(folder / f"profiles_{day}.csv", forgettable(creators(60, seed=seed, day=day), handle))


@pytest.fixture
def home(copied_home: Home) -> Home:
    """Return a home with two snapshots; in the second one the creator has another handle."""
    return copied_home


def bytes_of(path: Path) -> Iterator[bytes]:
    """Yield the content of a file, packed and unpacked."""
    yield path.read_bytes()
    if path.suffix == ".gz":
        yield gzip.decompress(path.read_bytes())


def files_with(home: Home, *words: str) -> list[str]:
    """Return every file of the home whose bytes contain a word, in any case."""
    return sorted(
        str(path.relative_to(home.path))
        for path in home.path.rglob("*")
        if path.is_file()
        and any(word.lower().encode() in content.lower() for content in bytes_of(path) for word in words)
    )


@dataclass(frozen=True)
class Erasure:
    """A home from which ``forget`` erased the creator; tests must not change it."""

    home: Home
    messages: str
    published_before: Tables
    events_before: int


def count_events(home: Home) -> int:
    """Count the records of Dagster's runs, without those of the run ``x``."""
    (database,) = (home.settings.dagster_home / "history" / "runs").glob("index.db")
    with closing(sqlite3.connect(database)) as connection:
        return int(connection.execute("select count(*) from event_logs where run_id <> 'x'").fetchone()[0])


def mention_everywhere(home: Home) -> None:
    """Write the creator's handle to an export, a refused file, the failure log and a message of Dagster."""
    exports = home.path / "exports"
    exports.mkdir()
    (exports / "creators.csv.gz").write_bytes(gzip.compress(f"account_id\n{HANDLE}\n".encode()))
    (exports / "others.csv").write_text("account_id\nsomebody_10\n", encoding="utf-8")
    home.settings.refused.mkdir(parents=True)
    (home.settings.refused / "bad.csv").write_text(f"x\n@{HANDLE}\n", encoding="utf-8")
    (home.settings.refused / "bad.csv.why.txt").write_text("fits nothing\n", encoding="utf-8")
    (home.settings.refused / "wide.csv").write_bytes(f"x,{HANDLE}\n".encode("utf-16"))
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("rows.csv", f"x\t{NUMBER}\n")
    with zipfile.ZipFile(home.settings.refused / "deep.zip", "w") as archive:
        archive.writestr("inner.zip", packed.getvalue())
    nested = pa.table({"x": [{"names": [{"name": HANDLE}]}]})
    pq.write_table(nested, home.settings.refused / "nested.parquet")
    (home.settings.refused / f"of_{HANDLE}.csv").write_text("a\n", encoding="utf-8")
    home.settings.failures_file.write_text(f"2024 run=x step=y: {HANDLE} is no number\n", encoding="utf-8")
    (database,) = (home.settings.dagster_home / "history" / "runs").glob("index.db")
    with closing(sqlite3.connect(database)) as connection:
        event = json.dumps({"dagster_event": None, "user_message": f"cannot read {HANDLE}"})
        connection.execute("insert into event_logs (run_id, event, timestamp) values ('x', ?, 0)", [event])
        connection.commit()
    with closing(sqlite3.connect(home.settings.dagster_home / "history" / "runs.db")) as connection:
        connection.execute(
            "insert into run_tags (run_id, key, value) select run_id, 'tiktok_pipeline/files', ? from runs limit 1",
            [f"profiles_of_{HANDLE}.csv"],
        )
        connection.commit()


@pytest.fixture(scope="module")
def erasure(refreshed_home: Home, tmp_path_factory: pytest.TempPathFactory) -> Erasure:
    home = Home(tmp_path_factory.mktemp("erased") / "home")
    shutil.copytree(refreshed_home.path, home.path)
    mention_everywhere(home)
    assert len(files_with(home, HANDLE, LATER_HANDLE, NUMBER)) > 6
    before, events = home.tables(published=True), count_events(home)
    messages = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stderr(messages):
        arguments = ("forget", f"@{HANDLE.upper()}", "--all-accounts", "--yes")
        assert run_command_line(patch, home.path, *arguments) == 0, messages.getvalue()
    return Erasure(home, messages.getvalue(), before, events)


def test_a_forgotten_creator_is_in_no_file_of_the_home(erasure: Erasure) -> None:
    home = erasure.home
    assert files_with(home, HANDLE, LATER_HANDLE, NUMBER) == []
    assert [path.name for path in (home.path / "exports").iterdir()] == ["others.csv"]
    assert f"deleted {home.path / 'exports' / 'creators.csv.gz'}" in erasure.messages
    assert sorted(path.name for path in home.settings.refused.iterdir()) == []


def test_a_forgotten_row_keeps_its_ordinal_and_nothing_else(erasure: Erasure, call: Call) -> None:
    home, before = erasure.home, erasure.published_before
    rows = home.sql(
        "select snapshot, source_row, account_id, reasons from validated.rejected "
        "where list_contains(reasons, 'forgotten') order by 1",
        published=True,
    )
    assert rows == [("2024-03-01", 4, None, ["forgotten"]), ("2024-04-01", 4, None, ["forgotten"])]
    raw = (
        "select count(*) from raw.profiles where read_problem = 'forgotten' and account_id is null and extra is null"
    )
    assert home.value(raw) == 2
    assert home.sql("select snapshot, count(*) from clusters.assignments group by 1 order by 1") == [
        ("2024-03-01", 116),
        ("2024-04-01", 117),
    ]
    after = home.tables(published=True)
    others = [row for row in before["validated.profiles"] if HANDLE not in row and LATER_HANDLE not in row]
    mentioned = [row for row in after["validated.profiles"] if any("@[forgotten]" in str(cell) for cell in row)]
    assert len(mentioned) == 2
    assert len(after["validated.profiles"]) == len(others)
    assert call(home.path, "doctor").code == 0


def test_messages_of_dagster_that_quote_the_creator_are_deleted_and_the_others_stay(erasure: Erasure) -> None:
    assert "deleted 1 message(s) of Dagster's records" in erasure.messages
    assert count_events(erasure.home) >= erasure.events_before


@pytest.mark.slow
def test_neither_a_later_scrape_nor_the_old_file_brings_a_forgotten_creator_back(
    home: Home, call: Call, tmp_path: Path
) -> None:
    assert call(home.path, "forget", HANDLE, "--all-accounts", "--yes").code == 0
    stored = read_manifest(home.settings.raw / "2024-03-01")
    again = write_csv(
        tmp_path / "profiles_2024-03-01.csv", spoiled(forgettable(creators(120), HANDLE), 3, followers="-1")
    )
    later = scrape(tmp_path, "2024-05-01", seed=3)
    result = call(home.path, "refresh", again, later, "--study", STUDY)
    assert result.code == 0, result.err
    assert "profiles_2024-03-01.csv (already there)" in result.err
    assert read_manifest(home.settings.raw / "2024-03-01") == stored
    (entry,) = read_manifest(home.settings.raw / "2024-05-01")
    assert entry.forgotten_rows == (4,)
    assert entry.stored_sha256 != entry.delivered_sha256
    assert b"Some.Body_1".lower() not in (home.settings.raw / "2024-05-01" / entry.file).read_bytes().replace(
        b"@SOME.BODY_1", b""
    )
    counted = "select count(*) from validated.rejected where reasons = ['forgotten']"
    assert home.value(counted, published=True) == 3


@pytest.mark.slow
def test_an_interrupted_forget_is_reported_and_completed_by_the_same_command(
    home: Home, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(erasing, "_rebuild_snapshot", killed)
        assert call(home.path, "forget", HANDLE, "--all-accounts", "--yes").code == 130
    unhealthy = call(home.path, "doctor")
    assert unhealthy.code == FAILED
    assert "an erasure was interrupted" in unhealthy.out
    assert call(home.path, "forget", HANDLE, "--all-accounts", "--yes").code == 0
    assert files_with(home, HANDLE, LATER_HANDLE, NUMBER) == []
    assert call(home.path, "doctor").code == 0


FAILURES = {
    "the disk is full": (Failure("raw__profiles", "raw.duckdb: No space left on device", "os_error"), FAILED),
    "Ctrl-C": (Failure("raw__profiles", "the run was stopped from outside", STOPPED), INTERRUPTED),
    "a defect": (Failure("raw__profiles", "IndexError", UNEXPECTED, is_expected=False), FAILED),
}


@pytest.mark.slow
@pytest.mark.parametrize("failure", FAILURES)
def test_a_forget_that_cannot_rebuild_a_snapshot_fails_and_empties_no_table(
    home: Home, call: Call, monkeypatch: pytest.MonkeyPatch, failure: str
) -> None:
    before = home.tables(published=True)
    stopped, code = FAILURES[failure]
    monkeypatch.setattr(erasing, "refresh_snapshot", lambda *_, **__: Outcome("run", stopped))
    result = call(home.path, "forget", HANDLE, "--all-accounts", "--yes")
    assert result.code == code
    assert len(result.err.strip().splitlines()[-1]) < 300
    assert "Traceback" not in result.err
    assert home.tables(published=True) == before
    assert read_journal(home.settings.erasure_journal).names == (LATER_HANDLE, HANDLE, NUMBER)


@pytest.mark.slow
@pytest.mark.parametrize(
    "step", ["write_suppression_list", "_stale_snapshots", "_rebuild_databases", "_rebuild_reports", "_scrub"]
)
def test_a_killed_forget_is_finished_by_the_next_one_whoever_it_is_for(
    home: Home, call: Call, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    mention_everywhere(home)

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(erasing, step, killed)
        assert call(home.path, "forget", HANDLE, "--all-accounts", "--yes").code == INTERRUPTED
    assert call(home.path, "forget", "somebody_else", "--yes").code == 0
    assert files_with(home, HANDLE, LATER_HANDLE, NUMBER) == []
    assert not home.settings.erasure_journal.exists()
    assert sorted(path.stem for path in home.settings.reports.glob("*.html")) == ["2024-03-01", "2024-04-01"]
    assert call(home.path, "doctor").code == 0


@pytest.mark.slow
def test_forget_again_erases_everybody_of_before_after_a_restore(home: Home, call: Call, tmp_path: Path) -> None:
    backup = tmp_path / "backup"
    shutil.copytree(home.path, backup)
    assert call(home.path, "forget", HANDLE, "--all-accounts", "--yes").code == 0
    shutil.copy(home.settings.forgotten_file, backup / "forgotten.json")
    restored = Home(backup)
    assert files_with(restored, HANDLE) != []
    assert call(backup, "forget", "--again", "--yes").code == 0
    assert files_with(restored, NUMBER) == []
    assert restored.value("select count(*) from validated.profiles where tiktok_id = '" + NUMBER + "'") == 0


@pytest.mark.slow
def test_forget_asks_first_and_suppresses_a_name_without_records(
    home: Home, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("typer.confirm", lambda *_, **__: False)
    before = home.tables()
    assert call(home.path, "forget", HANDLE).code == FAILED
    assert home.tables() == before
    assert not home.settings.forgotten_file.exists()
    result = call(home.path, "forget", "nobody_has_this", "--yes")
    assert result.code == 0
    assert "no records found in any snapshot" in result.err
    kept = read_suppression_list(home.settings.forgotten_file)
    assert kept.hash_of("Nobody_Has_This") in kept.hashes
    assert "nobody" not in home.settings.forgotten_file.read_text(encoding="utf-8")
    assert home.tables() == before


@pytest.mark.parametrize("name", ["", "two words", "../up", "a/b"])
def test_forget_refuses_what_is_not_a_name(home: Home, call: Call, name: str) -> None:
    assert call(home.path, "forget", name, "--yes").code == USAGE_ERROR


@pytest.mark.parametrize(
    ("arguments", "left"),
    [
        (["--keep", "1"], ["2024-04-01"]),
        (["--before", "2024-04-01"], ["2024-04-01"]),
        (["--keep", "2"], ["2024-03-01", "2024-04-01"]),
        (["--keep", "0"], []),
    ],
    ids=" ".join,
)
def test_prune_removes_every_part_of_a_snapshot(
    home: Home, call: Call, arguments: list[str], left: list[str]
) -> None:
    assert call(home.path, "prune", *arguments, "--yes").code == 0
    assert snapshots_on_disk(home.settings.raw) == left
    assert sorted(path.stem for path in home.settings.reports.glob("*.html")) == left
    for published in (True, False):
        rows = home.sql("select distinct snapshot from validated.profiles order by 1", published=published)
        assert [key for (key,) in rows] == left
        listed = "select distinct snapshot from meta.slices where snapshot <> '' order by 1"
        assert [key for (key,) in home.sql(listed, published=published)] == left
    with DagsterInstance.from_config(str(home.settings.dagster_home)) as instance:
        assert known_snapshots(instance) == left
    assert call(home.path, "doctor").code == 0


@pytest.mark.parametrize("arguments", [[], ["--keep", "1", "--before", "2024-01-01"], ["--before", "soon"]], ids=str)
def test_prune_refuses_wrong_options(home: Home, call: Call, arguments: list[str]) -> None:
    before = home.tables()
    assert call(home.path, "prune", *arguments, "--yes").code == USAGE_ERROR
    assert home.tables() == before


def change_a_raw_file(home: Home) -> str:
    path = home.settings.raw / "2024-03-01" / "profiles_2024-03-01.csv"
    path.write_bytes(path.read_bytes().replace(b"creator00001", b"creator99999"))
    return f"{path}: changed since it was stored"


def remove_a_raw_file(home: Home) -> str:
    path = home.settings.raw / "2024-03-01" / "profiles_2024-03-01.csv"
    path.unlink()
    return f"{path}: missing"


def remove_a_manifest(home: Home) -> str:
    (home.settings.raw / "2024-03-01" / "manifest.json").unlink()
    return "a snapshot's folder without a manifest"


def remove_a_folder(home: Home) -> str:
    shutil.rmtree(home.settings.raw / "2024-03-01")
    return "snapshot 2024-03-01: rows in the warehouse, no files in raw/"


def remove_rows(home: Home) -> str:
    import duckdb

    with duckdb.connect(str(home.settings.warehouse_file)) as connection:
        connection.execute("delete from validated.profiles where snapshot = '2024-04-01' and source_row = 20")
    return "validated.profiles 2024-04-01 : 117 rows, 118 were written"


def remove_the_copy(home: Home) -> str:
    home.settings.published_file.unlink()
    return f"{home.settings.published_file}: missing"


def a_newer_version(home: Home) -> str:
    import duckdb

    with duckdb.connect(str(home.settings.warehouse_file)) as connection:
        connection.execute("update meta.version set version = 99")
    return "version 99 of the tables, this program has"


@pytest.mark.slow
@pytest.mark.parametrize(
    "damage",
    [
        change_a_raw_file,
        remove_a_raw_file,
        remove_a_manifest,
        remove_a_folder,
        remove_rows,
        remove_the_copy,
        a_newer_version,
    ],
    ids=lambda damage: damage.__name__,
)
def test_doctor_reports_every_disagreement_as_an_error_with_a_remedy(
    home: Home, call: Call, damage: Callable[[Home], str]
) -> None:
    assert call(home.path, "doctor").code == 0
    expected = damage(home)
    result = call(home.path, "doctor")
    assert result.code == FAILED
    (line, *_) = [line for line in result.out.splitlines() if expected in line]
    assert line.startswith("ERROR")
    assert " -> " in line


def test_doctor_of_a_missing_home_fails_and_of_a_new_one_succeeds(tmp_path: Path, call: Call) -> None:
    none = call(tmp_path / "nowhere", "doctor")
    assert none.code == FAILED
    assert "there is no such folder" in none.out
    (tmp_path / "new").mkdir(mode=0o700)
    assert call(tmp_path / "new", "doctor").code == 0


def test_a_delivery_that_was_never_refreshed_is_a_warning(home: Home, call: Call, tmp_path: Path) -> None:
    home.deliver(scrape(tmp_path, "2024-06-01"))
    result = call(home.path, "doctor")
    assert result.code == 0
    remedy = "run `tiktok-pipeline refresh --all --snapshot 2024-06-01`"
    assert f"snapshot 2024-06-01: delivered, not in the warehouse -> {remedy}" in result.out


def test_several_handles_of_a_number_are_not_erased_without_a_word(copied_home: Home, call: Call) -> None:
    before = copied_home.tables()
    result = call(copied_home.path, "forget", HANDLE, "--yes")
    assert (result.code, len(result.problems)) == (USAGE_ERROR, 1)
    assert f"2 handles have the same number: {LATER_HANDLE}, {HANDLE}; nothing was erased" in result.problems[0]
    assert "--all-accounts" in result.problems[0]
    assert copied_home.tables() == before
    assert not copied_home.settings.forgotten_file.exists()


@pytest.mark.slow
def test_the_first_record_of_a_file_without_a_header_is_in_no_file_after_forget(tmp_path: Path, call: Call) -> None:
    """Its cells become the names of the columns: in the stored file, the manifest, the tables, Dagster's records."""
    others = "".join(f"creator{n:03d},likes @{HANDLE},{1000 + n},de,yes,text\n" for n in range(40))
    file = tmp_path / "bare.csv"
    file.write_text(f"{HANDLE},Some Body,n{NUMBER},de,so,text\n{others}")
    home = Home(tmp_path / "home")
    options = ["--map", f"account_id={HANDLE}", "--map", f"followers=n{NUMBER}", "--snapshot", "2024-03-01"]
    assert call(home.path, "refresh", file, *options, "--study", STUDY).code == 0
    assert files_with(home, HANDLE) != []
    result = call(home.path, "forget", HANDLE, "--yes")
    assert (result.code, "still holds" in result.err) == (0, False)
    assert files_with(home, HANDLE) == []
    assert files_with(home, f"n{NUMBER}") == []
    assert home.value("select count(*) from validated.profiles", published=True) == 40
    assert call(home.path, "doctor").code == 0
