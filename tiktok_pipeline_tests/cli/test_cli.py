"""The command line: one line and an exit code for what is wrong, and quiet otherwise."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tiktok_pipeline.cli import app as cli
from tiktok_pipeline_tests.homes import Home, Said, command, environment
from tiktok_pipeline_tests.scrapes import activity, creators, write_csv

STUDY = "influencer_segments"
Call = Callable[..., Said]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["nonsense"], "nonsense"),
        (["refresh", "--nonsense"], "--nonsense"),
        (["refresh", "x.csv", "--snapshot", "yesterday"], "expected a date such as 2023-08-12"),
        (["refresh", "x.csv", "--snapshot", "2023-02-31"], "expected a date such as 2023-08-12"),
        (["refresh", "x.csv", "--snapshot", "../../etc"], "expected a date such as 2023-08-12"),
        (
            ["refresh", "x.csv", "--study", "no_such"],
            "no study 'no_such'; the studies are: active_creators, balanced_segments",
        ),
        (["sql", "select 1", "-f", "x.sql"], "not both"),
        (["sql", "select 1", "--format", "xml"], "xml"),
        (["ui", "--port", "0"], "port"),
        (["sample"], "--out"),
        (["sample", "--out", "x", "--profiles", "-1"], "profiles"),
    ],
)
def test_a_wrong_call_is_told_in_one_line_with_code_2(
    tmp_path: Path, call: Call, monkeypatch: pytest.MonkeyPatch, arguments: list[str], expected: str
) -> None:
    monkeypatch.chdir(tmp_path)
    write_csv(tmp_path / "x.csv", creators(3))
    said = call(tmp_path / "home", *arguments)
    assert said.code == cli.USAGE_ERROR
    (line,) = said.problems
    assert said.err.splitlines()[-1] == line
    assert expected in line
    assert not (tmp_path / "home" / "raw" / "2024-03-01").exists()


@pytest.mark.parametrize("value", ["soon", "0", "-3", "nan", "inf"])
def test_a_wrong_setting_is_told_with_its_name(
    tmp_path: Path, call: Call, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("TIKTOK_PIPELINE_LOCK_TIMEOUT_SECONDS", value)
    said = call(tmp_path / "home", "snapshots")
    assert said.code == cli.USAGE_ERROR
    assert said.problems == [
        f"tiktok-pipeline: TIKTOK_PIPELINE_LOCK_TIMEOUT_SECONDS={value!r}: expected a number greater than 0"
    ]


def test_help_and_sql_load_nothing_heavy(refreshed_home: Home) -> None:
    def loaded(*arguments: str) -> set[str]:
        script = (
            "import atexit, sys\n"
            "atexit.register(lambda: print(*sorted({name.partition('.')[0] for name in sys.modules}), file=sys.stderr))\n"
            "from tiktok_pipeline.cli.app import main\nmain()"
        )
        done = subprocess.run(
            [sys.executable, "-c", script, *arguments],
            env=environment(refreshed_home.path),
            capture_output=True,
            text=True,
            check=True,
        )
        return set(done.stderr.split())

    heavy = {"dagster", "pandas", "sklearn", "scipy", "matplotlib", "pandera"}
    assert loaded("--help") & (heavy | {"duckdb", "narwhals", "numpy", "pyarrow"}) == set()
    assert loaded("sql", "select 1") & heavy == set()
    assert "duckdb" in loaded("sql", "select 1")


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


def test_sql_reads_the_published_tables_and_with_warehouse_raw_too(refreshed_home: Home, call: Call) -> None:
    query = "select count(*) as rows from raw.profiles"
    refused = call(refreshed_home.path, "sql", query)
    assert refused.code == cli.USAGE_ERROR
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
        "select",
    ],
)
def test_sql_can_only_read(
    refreshed_home: Home, call: Call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, query: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.csv").write_text("a\n1\n", encoding="utf-8")
    for where in ([], ["--warehouse"]):
        said = call(refreshed_home.path, "sql", query, *where)
        assert said.code == cli.USAGE_ERROR
        assert len(said.problems) == 1
        assert said.out == ""
    assert [path.name for path in tmp_path.iterdir()] == ["x.csv"]


def test_sql_before_any_refresh_says_what_to_run(tmp_path: Path, call: Call) -> None:
    said = call(tmp_path / "home", "sql", "select 1")
    assert said.code == cli.FAILED
    (line,) = said.problems
    assert "run `tiktok-pipeline refresh FILE` first" in line


def test_snapshots_lists_what_there_is(refreshed_home: Home, tmp_path: Path, call: Call) -> None:
    said = call(refreshed_home.path, "snapshots")
    assert said.code == 0
    for word in ("2024-03-01", "2024-04-01", "creator_activity_2024-04-01.csv", "public_csv", "activity_csv", "120"):
        assert word in said.out
    empty = call(tmp_path / "home", "snapshots")
    assert empty.code == 0
    assert "no snapshot in" in empty.err


def test_refresh_of_one_study_writes_it_and_what_it_needs(tmp_path: Path, call: Call) -> None:
    scrape = write_csv(tmp_path / "scrape.csv", creators(50))
    said = call(tmp_path / "home", "refresh", scrape, "--study", STUDY)
    assert said.code == 0, said.err
    home = Home(tmp_path / "home")
    assert home.value(f"select count(*) from segments.{STUDY}", published=True) == 50
    assert home.value("select count(*) from features.statistics") > 0
    assert home.sql("select distinct study from clusters.assignments") == [(STUDY,)]


def test_refresh_without_a_path_takes_what_is_in_incoming(tmp_path: Path, call: Call) -> None:
    incoming = tmp_path / "home" / "incoming"
    empty = call(tmp_path / "home", "refresh")
    assert (empty.code, empty.err) == (0, f"no new file in {incoming}\n")
    write_csv(incoming / "creator_activity_2024-06-01.csv", activity(30))
    assert call(tmp_path / "home", "refresh").code == 0
    assert list(incoming.iterdir()) == []
    again = call(tmp_path / "home", "refresh")
    assert (again.code, again.err) == (0, f"no new file in {incoming}\n")


@pytest.mark.slow
def test_a_refresh_prints_its_personas_and_no_noise_as_a_process(tmp_path: Path) -> None:
    scrape = write_csv(tmp_path / "scrape.csv", creators(60))
    done = command(tmp_path / "home", "refresh", scrape)
    assert done.returncode == 0
    assert "persona" in done.stdout
    assert STUDY in done.stdout
    notes = [line for line in done.stderr.splitlines() if not line.startswith("2024-03-01: ")]
    assert notes == [
        "reading the files ...",
        "snapshot 2024-03-01: scrape.csv (new)",
        "starting Dagster ...",
        "snapshot 2024-03-01: 60 valid rows, 0 rejected",
        "snapshot 2024-03-01: active_creators is incomplete: 4 positive of 60 labelled profiles, at least 10 needed",
        "snapshot 2024-03-01: top_influencers is incomplete: 3 positive of 60 labelled profiles, at least 10 needed",
        f"report: {tmp_path / 'home' / 'reports' / '2024-03-01.html'}",
        f"published tables: {tmp_path / 'home' / 'published' / 'tiktok.duckdb'}",
        "next:",
        "  tiktok-pipeline report 2024-03-01 --open",
        '  tiktok-pipeline sql "select persona, count(*) as creators from segments.balanced_segments group by all '
        'order by 2 desc"',
        "  tiktok-pipeline export balanced_segments --out balanced_segments.xlsx",
        "  tiktok-pipeline ui",
    ]
    again = command(tmp_path / "home", "refresh", scrape, "--verbose")
    assert again.returncode == 0
    assert "scrape.csv (already there)" in again.stderr
    assert "RUN_SUCCESS" in again.stderr
    assert "STEP_START" in again.stderr
    assert "nanobind" not in done.stderr + again.stderr
    assert "Warning" not in done.stderr


def hold(home: Home, script: str, argument: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", f"{script}\nprint('held', flush=True)\nsys.stdin.read()", str(argument)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_a_locked_database_ends_in_its_message_within_the_bound(
    copied_home: Home, call: Call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TIKTOK_PIPELINE_LOCK_TIMEOUT_SECONDS", "1")
    scrape = write_csv(tmp_path / "scrape.csv", creators(5, day="2024-05-01"))
    script = "import duckdb, sys\nconnection = duckdb.connect(sys.argv[1])"
    with hold(copied_home, script, copied_home.settings.warehouse_file) as other:
        try:
            said = call(copied_home.path, "refresh", scrape)
        finally:
            other.kill()
    assert said.code == cli.FAILED
    (line,) = said.problems
    assert f"{copied_home.settings.warehouse_file}: waited 1 s for the database" in line
    assert str(other.pid) in line
    assert "try again" in line
    assert call(copied_home.path, "refresh", scrape).code == 0


def test_a_home_at_work_ends_in_its_message_within_the_bound(
    copied_home: Home, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIKTOK_PIPELINE_HOME_TIMEOUT_SECONDS", "1")
    script = (
        "import sys, pathlib\nfrom tiktok_pipeline.home.lock import home_lock\n"
        "lock = home_lock(pathlib.Path(sys.argv[1]), timeout_seconds=5)\nlock.__enter__()"
    )
    with hold(copied_home, script, copied_home.settings.lock_file) as other:
        try:
            said = call(copied_home.path, "refresh")
            answered = call(copied_home.path, "sql", "select count(*) from personas.summaries")
        finally:
            other.kill()
    assert said.code == cli.FAILED
    waiting, problem = said.err.splitlines()
    assert waiting == f"waiting for process {other.pid}, which is using {copied_home.path} ..."
    assert problem == (
        f"tiktok-pipeline: {copied_home.path}: process {other.pid} is using this home; waited 1 s; "
        "let it finish or stop it, then try again"
    )
    assert answered.code == 0, "readers are never blocked"
