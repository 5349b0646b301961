"""``tiktok-pipeline sql``: read-only queries over the published file, from an argument, a file or standard input."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tiktok_pipeline.cli.console import FAILED, USAGE_ERROR
from tiktok_pipeline_tests.homes import Home, Said, environment

Call = Callable[..., Said]


def test_sql_prints_a_table_csv_and_json(refreshed_home: Home, call: Call) -> None:
    query = "select 1 as one, 'a,\"b\"' as two, null as three, '=1+1' as four, '2024-01-01'::date as five"
    shown = call(refreshed_home.path, "sql", query)
    assert (shown.code, shown.err) == (0, "")
    assert "one" in shown.out
    assert 'a,"b"' in shown.out
    as_csv = call(refreshed_home.path, "sql", query, "--format", "csv").out
    assert as_csv == 'one,two,three,four,five\n1,"a,""b""",,\'=1+1,2024-01-01\n'
    assert json.loads(call(refreshed_home.path, "sql", query, "--format", "json").out) == [
        {"one": 1, "two": 'a,"b"', "three": None, "four": "=1+1", "five": "2024-01-01"}
    ]


@pytest.mark.parametrize("arguments", [(), ("-",)], ids=["no argument", "-"])
def test_sql_reads_the_query_from_standard_input(
    refreshed_home: Home, call: Call, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("select 7 as seven\n"))
    assert call(refreshed_home.path, "sql", *arguments, "--format", "csv").out == "seven\n7\n"


def test_sql_reads_the_query_from_a_file(refreshed_home: Home, call: Call, tmp_path: Path) -> None:
    file = tmp_path / "query.sql"
    file.write_text("\ufeff-- a comment\nselect 7 as seven;\n", encoding="utf-8")
    for option in ("-f", "--file"):
        assert call(refreshed_home.path, "sql", option, file, "--format", "csv").out == "seven\n7\n"
    file.write_bytes(b"select '\xff'")
    assert "not UTF-8" in call(refreshed_home.path, "sql", "-f", file).problems[0]
    assert "not UTF-8" in call(refreshed_home.path, "sql", "select '\udcff'").problems[0]

    missing = call(refreshed_home.path, "sql", "-f", tmp_path / "none.sql")
    assert (missing.code, missing.err) == (
        1,
        f"tiktok-pipeline: {tmp_path / 'none.sql'}: No such file or directory\n",
    )


def test_a_value_that_python_cannot_hold_is_one_line(refreshed_home: Home, call: Call) -> None:
    result = call(refreshed_home.path, "sql", "select to_years(178000000)")
    assert result.code == USAGE_ERROR
    assert "cannot be shown" in result.problems[0]
    assert "cast it to text" in result.problems[0]


def test_sql_without_a_query_is_a_usage_error(
    refreshed_home: Home, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    for stdin, expected in ((Terminal(), "no query"), (io.StringIO(" \n"), "the query is empty"), (None, "no query")):
        monkeypatch.setattr(sys, "stdin", stdin)
        result = call(refreshed_home.path, "sql")
        assert result.code == USAGE_ERROR
        (line,) = result.problems
        assert expected in line


def test_an_error_of_the_query_shows_the_engine_s_hint_and_the_place(refreshed_home: Home, call: Call) -> None:
    result = call(refreshed_home.path, "sql", "select persona,\n  profiless\nfrom personas.summaries")
    assert result.code == USAGE_ERROR
    first, hint, line, caret = result.err.splitlines()
    assert first == 'tiktok-pipeline: Binder Error: Referenced column "profiless" not found in FROM clause!'
    assert '"profiles"' in hint
    assert line == "LINE 2:   profiless"
    assert line[caret.index("^") :] == "profiless"
    unknown = call(refreshed_home.path, "sql", "select * from segments.influencer_segmentz")
    assert "Did you mean" in unknown.err
    assert "influencer_segments" in unknown.err


def test_an_error_of_the_query_cannot_control_the_terminal(refreshed_home: Home, call: Call) -> None:
    result = call(refreshed_home.path, "sql", "select '\x1b[31mred\u202e'::int")
    assert result.code == USAGE_ERROR
    assert "\x1b" not in result.err
    assert "\u202e" not in result.err


def test_sql_reads_the_published_tables_and_with_warehouse_the_raw_ones(refreshed_home: Home, call: Call) -> None:
    query = "select count(*) as rows from raw.profiles"
    refused = call(refreshed_home.path, "sql", query)
    assert refused.code == USAGE_ERROR
    assert "raw" in refused.problems[0]
    assert json.loads(call(refreshed_home.path, "sql", "--warehouse", query, "--format", "json").out) == [
        {"rows": 240}
    ]


@pytest.mark.parametrize(
    "query",
    [
        "delete from clusters.assignments",
        "create table clusters.x as select 1",
        "drop table clusters.fits",
        "copy (select 1) to 'out.csv'",
        "select * from read_csv('x.csv')",
        "attach 'other.duckdb'",
        "attach ':memory:' as other; create table other.t (a int); copy other.t to 'out.csv'",
        "attach 'other.db' (type sqlite)",
        "select",
        "copy (select 1) to 'out.parquet' (format parquet)",
        "copy clusters.fits from 'x.csv'",
        "export database 'out'",
        "import database 'out'",
        "select * from read_text('x.csv')",
        "select * from read_blob('/etc/hostname')",
        "select * from read_json('x.csv')",
        "select * from read_parquet('x.csv')",
        "select * from read_csv_auto('x.csv')",
        "select * from sniff_csv('x.csv')",
        "select * from parquet_metadata('x.csv')",
        "select * from parquet_schema('x.csv')",
        "select * from 'x.csv'",
        "from 'x.csv'",
        "select * from glob('*')",
        "install httpfs",
        "load httpfs",
        "load 'x.duckdb_extension'",
        "force install httpfs",
        "update extensions",
        "set enable_external_access = true",
        "reset enable_external_access",
        "set global enable_external_access = true",
        "pragma enable_external_access = true",
        "set allowed_directories = ['.']",
        "set allowed_paths = ['x.csv']",
        "set allow_unsigned_extensions = true",
        "set log_query_path = 'out.txt'",
        "set profiling_output = 'out.json'; pragma enable_profiling; select 1",
        "create secret (type s3)",
        "select * from read_csv('http://127.0.0.1:1/x.csv')",
        "comment on table clusters.fits is 'x'",
        "create or replace macro two() as 2",
        "create temp table t as select * from read_csv('x.csv')",
        "select * from query('select * from read_csv(''x.csv'')')",
        "select * from query_table('x.csv')",
        "select * from read_duckdb('x.csv')",
        "call enable_logging('QueryLog', storage='file', storage_config={'path': 'out'}); select 1",
        "select * from enable_logging(storage_path = 'out'); select 1",
        "set enable_logging = true",
        "call enable_profiling(save_location = 'out.json'); select 1",
        "pragma enable_profiling = 'json'; select 1",
        "set lock_configuration = false; set memory_limit = '900GB'",
        "set threads = 9999",
        "set extension_directory = '.'",
    ],
)
def test_sql_can_only_read(
    refreshed_home: Home, call: Call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, query: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.csv").write_text("a\n1\n", encoding="utf-8")
    for where in ([], ["--warehouse"]):
        result = call(refreshed_home.path, "sql", query, *where)
        assert (result.code, result.out) == (USAGE_ERROR, "")
        assert len(result.problems) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["x.csv"]


def test_output_that_cannot_be_written_is_one_line(refreshed_home: Home) -> None:
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        ended = subprocess.run(
            [sys.executable, "-m", "tiktok_pipeline", "sql", "select 1"],
            env=environment(refreshed_home.path),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    (line,) = ended.stderr.splitlines()
    assert ended.returncode == FAILED
    assert "No space left on device; free some space and run the same command again" in line


def test_sql_before_any_refresh_tells_what_to_run(tmp_path: Path, call: Call) -> None:
    result = call(tmp_path / "home", "sql", "select 1")
    assert result.code == FAILED
    (line,) = result.problems
    assert "run `tiktok-pipeline refresh FILE` first" in line
