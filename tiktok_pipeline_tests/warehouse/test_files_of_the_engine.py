"""The database file: locks and waiting, versions, damage, what a query may do, and rebuilding."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from tiktok_pipeline.warehouse.base import DamagedDatabaseError, QueryError, WarehouseError, WarehouseLockedError
from tiktok_pipeline.warehouse.duckdb import connection as opening
from tiktok_pipeline.warehouse.duckdb import warehouse as module
from tiktok_pipeline.warehouse.duckdb.connection import query
from tiktok_pipeline.warehouse.duckdb.migrations import VERSION
from tiktok_pipeline.warehouse.duckdb.warehouse import DuckDBWarehouse
from tiktok_pipeline_tests.warehouse.tables import APRIL, MARCH, SCORES, THINGS, read, things

_HOLD = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('open', flush=True); sys.stdin.read()"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A database file with one row."""
    path = tmp_path / "tiktok.duckdb"
    with DuckDBWarehouse(path) as warehouse:
        warehouse.replace_slice(THINGS, MARCH, things({"name": "a"}))
    return path


@pytest.fixture
def holder(file: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that has the file open for writing until its standard input ends."""
    with subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(file)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        yield process
        process.kill()


def test_waiting_for_another_process_is_bounded_and_the_error_names_it(
    file: Path, holder: subprocess.Popen[str]
) -> None:
    warehouse = DuckDBWarehouse(file, lock_timeout_seconds=1)
    started = time.monotonic()
    with pytest.raises(WarehouseLockedError) as caught:
        warehouse.slices()
    assert 1 <= time.monotonic() - started < 3
    text = str(caught.value)
    assert "\n" not in text
    for part in (str(file), f"PID {holder.pid}", "waited 1 s", "Close the program that has it open", "try again"):
        assert part in text


def test_a_killed_holder_frees_the_file(file: Path, holder: subprocess.Popen[str]) -> None:
    holder.kill()
    with DuckDBWarehouse(file, lock_timeout_seconds=20) as warehouse:
        assert [row["name"] for row in read(warehouse, THINGS, MARCH)] == ["a"]


class Clock:
    """A clock that advances only by sleeping; ``pauses`` records the sleeps."""

    def __init__(self) -> None:
        self.now = 0.0
        self.pauses: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds


@pytest.mark.parametrize(
    ("wait", "pauses"),
    [
        (0, []),
        (0.05, [0.05]),
        (0.25, [0.1, 0.15]),
        (10, [0.1, 0.2, 0.4, 0.8, 1.6, 2.0, 2.0, 2.0, 0.9]),
    ],
)
def test_pauses_grow_and_end_at_the_timeout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wait: float, pauses: list[float]
) -> None:
    clock, tries = Clock(), []

    def locked(*_: object, **__: object) -> None:
        tries.append(clock.now)
        raise duckdb.IOException(
            "IO Error: Could not set lock on file: Conflicting lock is held in Python (PID 1). See"
        )

    monkeypatch.setattr(opening, "time", clock)
    monkeypatch.setattr(duckdb, "connect", locked)
    with pytest.raises(
        WarehouseLockedError, match=rf"waited {wait:g} s for the database, held in Python [(]PID 1[)]"
    ):
        opening.connect(tmp_path / "tiktok.duckdb", timeout_seconds=wait)
    slept = [pause for pause in clock.pauses if pause > 1e-9]
    assert slept == pytest.approx(pauses)
    assert len(tries) == len(clock.pauses) + 1  # the last try is at the timeout
    assert clock.now == pytest.approx(wait)


def test_a_freed_file_is_opened_at_the_next_try(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock, connect = Clock(), duckdb.connect

    def locked_at_first(*arguments: str, **options: object) -> duckdb.DuckDBPyConnection:
        if clock.now < 0.5:
            raise duckdb.IOException("IO Error: Could not set lock on file")
        return connect(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(opening, "time", clock)
    monkeypatch.setattr(duckdb, "connect", locked_at_first)
    opening.connect(file, timeout_seconds=30).close()
    assert clock.pauses == pytest.approx([0.1, 0.2, 0.4])


def test_a_failed_write_releases_the_file(file: Path) -> None:
    warehouse = DuckDBWarehouse(file)
    failing = things({"name": "b"}).drop_columns(["name"]).append_column("name", things({"name": None})["name"])
    with pytest.raises(WarehouseError, match="is unchanged"):
        warehouse.replace_slice(THINGS, MARCH, failing)
    check = "import duckdb, sys; duckdb.connect(sys.argv[1])"
    opened = subprocess.run([sys.executable, "-c", check, str(file)], check=False, capture_output=True, text=True)
    assert (opened.returncode, opened.stderr) == (0, "")


def test_query_of_a_file_that_is_being_written_is_one_line(file: Path, holder: subprocess.Popen[str]) -> None:
    assert holder.poll() is None
    with pytest.raises(WarehouseError, match=r"tiktok[.]duckdb: cannot be read now: ") as caught:
        query(file, "select 1")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("version", "reason"),
    [
        (0, "which never existed"),
        (VERSION + 1, f"this program reads version {VERSION} and older; nothing was changed. Install the version"),
    ],
)
def test_an_unknown_version_is_rejected(file: Path, version: int, reason: str) -> None:
    with duckdb.connect(str(file)) as connection:
        connection.execute(f"update meta.version set version = {version}")
    warehouse = DuckDBWarehouse(file)
    with pytest.raises(WarehouseError, match=rf"tiktok[.]duckdb: .* version {version} .*{reason}"):
        warehouse.read_slice(THINGS, MARCH)
    with duckdb.connect(str(file)) as connection:  # the file is free
        assert connection.execute("select count(*) from shelf.things").fetchall() == [(1,)]


@pytest.mark.parametrize(
    ("first", "last"), [(0, None), (0, 4096), (4096, 12288), (12288, None)], ids=["text", "head", "headers", "blocks"]
)
def test_a_damaged_file_is_named_at_once(file: Path, first: int, last: int | None) -> None:
    content = bytearray(file.read_bytes())
    content[first:last] = b"\xee" * len(content[first:last])
    file.write_bytes(content)
    started = time.monotonic()
    with pytest.raises(DamagedDatabaseError, match=r"tiktok[.]duckdb: this database file is damaged"):
        DuckDBWarehouse(file, lock_timeout_seconds=20).read_slice(THINGS, MARCH)
    assert time.monotonic() - started < 5


def test_query_returns_names_and_rows(file: Path) -> None:
    assert query(file, "select name, 1 as number from shelf.things") == (["name", "number"], [("a", 1)])


def test_query_of_a_missing_file_names_the_command_to_run(tmp_path: Path) -> None:
    with pytest.raises(
        WarehouseError, match=r"none[.]duckdb: no such database yet; run `tiktok-pipeline refresh FILE`"
    ):
        query(tmp_path / "none.duckdb", "select 1")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("sql", "part"),
    [
        ("selec 1", "syntax error"),
        ("select * from nowhere", "nowhere does not exist"),
        ("select nothing from shelf.things", "nothing"),
        ("select 'a'::integer", "convert"),
        ("select error(E'boom\nand more')", "boom"),
        ("", "no statement"),
        ("-- only a remark", "no statement"),
        ("delete from shelf.things", "read-only"),
        ("create table x (a int)", "read-only"),
        ("create or replace table shelf.things as select 1", "read-only"),
        ("drop table shelf.things", "read-only"),
        ("set enable_external_access = true", "configuration has been locked"),
    ],
)
def test_the_error_of_an_invalid_query_is_one_line(file: Path, sql: str, part: str) -> None:
    before = file.read_bytes()
    with pytest.raises(QueryError, match=part) as caught:
        query(file, sql)
    assert "\n" not in str(caught.value)
    assert file.read_bytes() == before


@pytest.mark.parametrize(
    "sql",
    [
        "copy (select 1) to '{folder}/out.csv'",
        "copy shelf.things to '{folder}/out.parquet'",
        "export database '{folder}/out'",
        "attach '{folder}/out.duckdb'",
        "select * from read_csv('{folder}/secret.csv')",
        "select * from '{folder}/secret.csv'",
        "select * from read_text('{folder}/secret.csv')",
        "select * from read_json('{folder}/secret.csv')",
        "select * from glob('{folder}/*')",
        "install httpfs",
    ],
)
def test_a_query_reads_and_writes_no_other_file(file: Path, tmp_path: Path, sql: str) -> None:
    (tmp_path / "secret.csv").write_text("a,b\n1,2\n")
    with pytest.raises(QueryError):
        query(file, sql.format(folder=tmp_path))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["secret.csv", "tiktok.duckdb"]


SECRET = "hush_7f3a9c"


@pytest.fixture
def with_deleted(tmp_path: Path) -> DuckDBWarehouse:
    """A warehouse with a dropped and a replaced slice, whose texts are still in the bytes of its file."""
    warehouse = DuckDBWarehouse(tmp_path / "deleted.duckdb")
    warehouse.replace_slice(THINGS, MARCH, things({"name": f"{SECRET}_1"}, {"name": f"{SECRET}_2"}), delivery_id="d1")
    warehouse.replace_slice(THINGS, APRIL, things({"name": f"{SECRET}_3"}), delivery_id="d1")
    warehouse.close()
    warehouse.drop_snapshots([THINGS], ["2024-03-01"])
    warehouse.replace_slice(THINGS, APRIL, things({"name": "kept", "rate": 0.5, "tags": ["x", ""]}), delivery_id="d2")
    warehouse.replace_slice(
        SCORES, {"snapshot": "2024-04-01", "study": "x"}, pa.table({"score": [7]}), delivery_id="d2"
    )
    warehouse._connection.execute("create schema segments")
    warehouse._connection.execute("create view segments.newest as select * from shelf.things")
    warehouse._connection.execute("create view segments.later as select name from segments.newest")
    warehouse.close()
    assert SECRET.encode() in (tmp_path / "deleted.duckdb").read_bytes()
    return warehouse


def test_a_rebuilt_file_holds_no_deleted_text(with_deleted: DuckDBWarehouse, tmp_path: Path) -> None:
    slices, rows = with_deleted.slices(), read(with_deleted, THINGS, APRIL)
    with_deleted.rebuild()
    assert [path.name for path in tmp_path.iterdir()] == ["deleted.duckdb"]
    content = (tmp_path / "deleted.duckdb").read_bytes()
    assert (SECRET.encode() in content, b"kept" in content) == (False, True)
    assert (with_deleted.slices(), read(with_deleted, THINGS, APRIL)) == (slices, rows)
    assert read(with_deleted, THINGS, MARCH) == []
    with_deleted.close()


def test_views_version_and_constraints_survive_a_rebuild(with_deleted: DuckDBWarehouse, tmp_path: Path) -> None:
    with_deleted.rebuild()
    file = tmp_path / "deleted.duckdb"
    for view in ("segments.newest", "segments.later"):
        assert query(file, f"select name from {view}")[1] == [("kept",)]
    assert query(file, "select version from meta.version")[1] == [(VERSION,)]
    nameless = things({}).set_column(0, "name", pa.array([None], pa.string()))
    with pytest.raises(WarehouseError, match=r"NOT NULL"):
        with_deleted.replace_slice(THINGS, MARCH, nameless)
    assert with_deleted.replace_slice(THINGS, MARCH, things({}, {})) == 2
    with_deleted.close()


def test_a_rebuild_removes_the_draft_of_a_killed_one(with_deleted: DuckDBWarehouse, tmp_path: Path) -> None:
    for name in (".deleted.duckdb.draft", ".deleted.duckdb.draft.wal"):
        (tmp_path / name).write_bytes(b"half a file")
    with_deleted.rebuild()
    assert [path.name for path in tmp_path.iterdir()] == ["deleted.duckdb"]
    assert query(tmp_path / "deleted.duckdb", "select name from shelf.things")[1] == [("kept",)]


def test_a_rebuild_that_fails_leaves_the_file_and_no_draft(
    with_deleted: DuckDBWarehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Path) -> None:
        raise OSError(28, "No space left on device")

    def broken(*_: Path) -> None:
        raise duckdb.IOException("no such\ndisk")

    for failing, raised, match in (
        (full, OSError, "No space left"),
        (broken, WarehouseError, "it is unchanged: no such disk$"),
    ):
        with monkeypatch.context() as patched:
            patched.setattr(module, "atomic_replace", failing)
            with pytest.raises(raised, match=match):
                with_deleted.rebuild()
        assert [path.name for path in tmp_path.iterdir()] == ["deleted.duckdb"]
        assert [row["name"] for row in read(with_deleted, THINGS, APRIL)] == ["kept"]
        with_deleted.close()


def test_a_warehouse_in_memory_has_nothing_to_rebuild() -> None:
    with DuckDBWarehouse(None) as warehouse:
        warehouse.replace_slice(THINGS, MARCH, things({"name": "a"}))
        warehouse.rebuild()
        assert [row["name"] for row in read(warehouse, THINGS, MARCH)] == ["a"]
