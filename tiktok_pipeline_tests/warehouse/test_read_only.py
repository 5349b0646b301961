"""Reading a database file: queries with parameters, batches, and the errors of both."""

from __future__ import annotations

import subprocess
import sys
from datetime import date, datetime
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from tiktok_pipeline.warehouse.base import DamagedDatabaseError, QueryError, WarehouseError
from tiktok_pipeline.warehouse.duckdb.connection import engine_error, open_read_only, query, shown_query
from tiktok_pipeline_tests.homes import Home, environment


def test_a_query_takes_its_values_as_parameters(refreshed_home: Home) -> None:
    file = refreshed_home.settings.published_file
    hostile = "'; drop table clusters.assignments; --"
    assert query(file, "select ? as a, ? as b", [hostile, 2]) == (["a", "b"], [(hostile, 2)])
    with pytest.raises(QueryError):
        query(file, "select ? as a")


def test_batches_have_at_most_the_given_rows_and_the_next_query_works(refreshed_home: Home) -> None:
    with open_read_only(refreshed_home.settings.published_file, memory_limit="200MB", threads=1) as reader:
        schema, batches = reader.batches("select i from range(?) as t(i)", [2_500], rows_per_batch=1_000)
        assert schema == pa.schema({"i": pa.int64()})
        counts = [batch.num_rows for batch in batches]
        assert sum(counts) == 2_500
        assert max(counts) <= 1_000
        assert reader.rows("select 1 as one") == (["one"], [(1,)])


def test_errors_of_queries_are_query_and_warehouse_errors(refreshed_home: Home, tmp_path: Path) -> None:
    file = refreshed_home.settings.published_file
    with open_read_only(file) as reader:
        for wrong in ("select * from nowhere", "delete from clusters.assignments", "", "nonsense"):
            with pytest.raises(QueryError):
                reader.batches(wrong)
            with pytest.raises(QueryError):
                reader.rows(wrong)
        _, batches = reader.batches(
            "select case when i = 150000 then error('bad thing') else i end as i from range(200000) as t(i)"
        )
        with pytest.raises(WarehouseError, match=r"tiktok\.duckdb: cannot be read now: .*bad thing"):
            list(batches)
    (tmp_path / "broken.duckdb").write_bytes(b"no database at all" * 1_000)
    with (
        pytest.raises(WarehouseError, match=r"broken\.duckdb: this database file is damaged"),
        open_read_only(tmp_path / "broken.duckdb"),
    ):
        pass


def test_a_query_that_needs_too_much_memory_says_so_in_plain_words(refreshed_home: Home) -> None:
    with open_read_only(refreshed_home.settings.published_file, memory_limit="20MB", threads=1) as reader:
        with pytest.raises(QueryError, match="the query needs more memory than it may take") as found:
            reader.rows("select quantile_cont(i, 0.5) from range(10_000_000) as t(i)")
        assert found.value.remedy == "ask for fewer rows or columns at once"
        assert reader.rows("select 1 as one") == (["one"], [(1,)])


@pytest.mark.parametrize("read", [0, 1])
def test_unread_batches_do_not_block_the_next_opening_of_the_file(refreshed_home: Home, read: int) -> None:
    """DuckDB waits forever to open a file again while a result is held; a process can be ended by a timeout."""
    script = (
        "import sys, pathlib\n"
        "from tiktok_pipeline.warehouse.base import WarehouseError\n"
        "from tiktok_pipeline.warehouse.duckdb.connection import open_read_only, query\n"
        "file = pathlib.Path(sys.argv[1])\n"
        "with open_read_only(file) as reader:\n"
        "    _, batches = reader.batches('select a.account_id from clusters.assignments a, range(1000)')\n"
        "    kept = [next(batches) for _ in range(int(sys.argv[2]))]\n"
        "print(query(file, 'select 1 as one'), len(kept), flush=True)\n"
        "try:\n    next(batches)\nexcept WarehouseError as problem:\n    print(problem)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(refreshed_home.settings.published_file), str(read)],
        env=environment(refreshed_home.path),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    answered, after = done.stdout.splitlines()
    assert answered == f"(['one'], [(1,)]) {read}"
    assert "cannot be read now" in after


def test_an_error_of_the_caller_inside_the_block_passes_unchanged(refreshed_home: Home) -> None:
    with (
        pytest.raises(OSError, match="mine"),
        open_read_only(refreshed_home.settings.published_file),
    ):
        raise OSError("mine")


INFINITE = """
select * from (values
    (1, date 'infinity', timestamp '-infinity', timestamptz 'infinity'),
    (2, date '9999-12-31', timestamp '0001-01-01', null),
    (3, date '-infinity', null, null)
) as rows (number, day, time, zoned) order by number
"""


def test_infinite_dates_are_shown_as_such(tmp_path: Path) -> None:
    """The last date is not the infinite one, which Python cannot hold."""
    with duckdb.connect(str(tmp_path / "a.duckdb")):
        pass
    names, rows = shown_query(tmp_path / "a.duckdb", INFINITE)
    assert names == ["number", "day", "time", "zoned"]
    assert rows == [
        (1, "infinity", "-infinity", "infinity"),
        (2, date(9999, 12, 31), datetime(1, 1, 1), None),  # noqa: DTZ001
        (3, "-infinity", None, None),
    ]
    assert shown_query(tmp_path / "a.duckdb", "select date '9999-12-31' as a, 1 as a")[1] == [(date(9999, 12, 31), 1)]


NESTED_INFINITIES: list[tuple[str, object]] = [
    ("[date 'infinity', null, date '2024-01-02']", ["infinity", None, "2024-01-02"]),
    ("[date '9999-12-31']", ["9999-12-31"]),
    ("{'a': timestamp '-infinity', 'DATE': [1], 'b c': 2}", {"a": "-infinity", "DATE": [1], "b c": 2}),
    ("map {'k': [date 'infinity']}", {"k": ["infinity"]}),
    ("map {date 'infinity': 1}", {"infinity": 1}),
    ("array_value(date 'infinity', date '-infinity')", ("infinity", "-infinity")),
    ("[{'at': timestamptz 'infinity'}]", [{"at": "infinity"}]),
    ("union_value(k := date 'infinity')", "infinity"),
    ("row(date 'infinity', 1)", "(infinity, 1)"),
]


@pytest.mark.parametrize(("sql", "shown"), NESTED_INFINITIES, ids=[sql for sql, _ in NESTED_INFINITIES])
def test_an_infinite_date_inside_of_a_value_is_shown_as_such(tmp_path: Path, sql: str, shown: object) -> None:
    with duckdb.connect(str(tmp_path / "a.duckdb")):
        pass
    names, rows = shown_query(tmp_path / "a.duckdb", f"select {sql} as nested, date 'infinity' as day, 7 as \"DATE\"")
    assert (names, rows) == (["nested", "day", "DATE"], [(shown, "infinity", 7)])


def test_a_full_disk_is_not_told_as_a_damaged_file(tmp_path: Path) -> None:
    """What the engine said when a disk was full while it wrote the file again."""
    error = duckdb.FatalException(
        'IO Error: Checkpoint failed for database "rebuilt". The database has been invalidated. Original error: '
        'Could not write file "/home/.tiktok.duckdb.draft": No space left on device'
    )
    told = engine_error(tmp_path / "a.duckdb", error)
    assert not isinstance(told, DamagedDatabaseError)
    assert str(told) == f"{tmp_path / 'a.duckdb'}: the disk is full; free some space and run the same command again"
