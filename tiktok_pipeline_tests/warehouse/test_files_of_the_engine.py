"""The database file: who may open it, for how long one waits, which version it has, and what a query may do."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from tiktok_pipeline.warehouse.base import QueryError, WarehouseError, WarehouseLockedError
from tiktok_pipeline.warehouse.connection import VERSION, query
from tiktok_pipeline.warehouse.duckdb import DuckDBWarehouse
from tiktok_pipeline_tests.warehouse.tables import MARCH, THINGS, read, things

_HOLD = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('open', flush=True); sys.stdin.read()"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A database file with one row."""
    path = tmp_path / "tiktok.duckdb"
    warehouse = DuckDBWarehouse(path)
    warehouse.replace_slice(THINGS, MARCH, things({"name": "a"}))
    warehouse.close()
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


def test_waiting_for_another_process_is_bounded_and_says_who(file: Path, holder: subprocess.Popen[str]) -> None:
    warehouse = DuckDBWarehouse(file, lock_timeout_seconds=1)
    started = time.monotonic()
    with pytest.raises(WarehouseLockedError) as caught:
        warehouse.has_slice(THINGS, MARCH)
    assert 1 <= time.monotonic() - started < 3
    text = str(caught.value)
    assert "\n" not in text
    for part in (str(file), f"PID {holder.pid}", "waited 1 s", "Close what has it open", "try again"):
        assert part in text


def test_the_file_is_free_as_soon_as_its_holder_is_gone(file: Path, holder: subprocess.Popen[str]) -> None:
    warehouse = DuckDBWarehouse(file, lock_timeout_seconds=20)
    holder.kill()
    assert [row["name"] for row in read(warehouse, THINGS, MARCH)] == ["a"]
    warehouse.close()


def test_a_failed_write_lets_go_of_the_file(file: Path) -> None:
    warehouse = DuckDBWarehouse(file)
    failing = things({"name": "b"}).drop_columns(["name"]).append_column("name", things({"name": None})["name"])
    with pytest.raises(WarehouseError, match="as it was"):
        warehouse.replace_slice(THINGS, MARCH, failing)
    check = "import duckdb, sys; duckdb.connect(sys.argv[1])"
    subprocess.run([sys.executable, "-c", check, str(file)], check=True, capture_output=True)


def test_query_says_plainly_that_the_file_is_being_written(file: Path, holder: subprocess.Popen[str]) -> None:
    assert holder.poll() is None
    with pytest.raises(WarehouseError, match=r"tiktok[.]duckdb: cannot be read now: ") as caught:
        query(file, "select 1")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("version", [0, VERSION - 1, VERSION + 1])
def test_another_version_of_the_tables_is_refused(file: Path, version: int) -> None:
    with duckdb.connect(str(file)) as connection:
        connection.execute(f"update meta.version set version = {version}")
    warehouse = DuckDBWarehouse(file)
    with pytest.raises(
        WarehouseError, match=rf"tiktok[.]duckdb: made by version {version} .* writes version {VERSION}"
    ):
        warehouse.read_slice(THINGS, MARCH)
    with duckdb.connect(str(file)) as connection:  # nothing holds it
        assert connection.execute("select count(*) from shelf.things").fetchall() == [(1,)]


@pytest.mark.parametrize(
    ("first", "last"), [(0, None), (0, 4096), (4096, 12288), (12288, None)], ids=["text", "head", "headers", "blocks"]
)
def test_a_damaged_file_is_named_at_once(file: Path, first: int, last: int | None) -> None:
    content = bytearray(file.read_bytes())
    content[first:last] = b"\xee" * len(content[first:last])
    file.write_bytes(content)
    started = time.monotonic()
    with pytest.raises(WarehouseError, match=r"tiktok[.]duckdb: cannot be (opened|read): ") as caught:
        DuckDBWarehouse(file, lock_timeout_seconds=20).has_slice(THINGS, MARCH)
    assert (type(caught.value), time.monotonic() - started < 5) == (WarehouseError, True)


def test_query_gives_names_and_rows(file: Path) -> None:
    assert query(file, "select name, 1 as one from shelf.things") == (["name", "one"], [("a", 1)])


def test_query_of_a_missing_file_says_what_to_run(tmp_path: Path) -> None:
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
        ("set enable_external_access = true", "external access"),
    ],
)
def test_a_wrong_query_is_one_line(file: Path, sql: str, part: str) -> None:
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
