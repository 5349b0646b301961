"""The program as a whole: exit codes, help, version, notes, errors as JSON, shell completion, start-up imports."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import typer

from tiktok_pipeline.cli import app as cli
from tiktok_pipeline.cli.console import USAGE_ERROR
from tiktok_pipeline_tests.homes import Home, Said, environment
from tiktok_pipeline_tests.scrapes import creators, write_csv

Call = Callable[..., Said]

COMMANDS = sorted(typer.main.get_command(cli.app).commands)  # type: ignore[attr-defined]


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
            "no study 'no_such'; the studies are: active_creators, balanced_",
        ),
        (["refresh", "x.csv", "--all"], "leave it out to register files"),
        (["sql", "select 1", "-f", "x.sql"], "not both"),
        (["sql", "select 1", "--format", "xml"], "xml"),
        (["ui", "--port", "0"], "port"),
        (["sample"], "--out"),
        (["sample", "--out", "x", "--profiles", "-1"], "profiles"),
        (["sample", "--out", "x", "--dialect", "tracker"], "tracker"),
        (["sample", "--out", "x", "--top-videos", "36"], "top-videos"),
        (["sample", "--out", "x", "--truth", "truth.json"], "expected a name that ends in .csv or .parquet"),
        (["sample", "--out", "x", "--truth", "x/truth.csv"], "choose another folder for it"),
    ],
)
def test_a_usage_error_is_one_line_and_exit_code_2(
    tmp_path: Path, call: Call, monkeypatch: pytest.MonkeyPatch, arguments: list[str], expected: str
) -> None:
    monkeypatch.chdir(tmp_path)
    write_csv(tmp_path / "x.csv", creators(3))
    result = call(tmp_path / "home", *arguments)
    assert result.code == USAGE_ERROR
    (line,) = result.problems
    assert result.err.splitlines()[-1] == line
    assert expected in line
    assert not (tmp_path / "home" / "raw" / "2024-03-01").exists()


@pytest.mark.parametrize("value", ["soon", "0", "-3", "nan", "inf", "1000001"])
def test_an_invalid_setting_is_one_line_with_the_name_of_its_variable(
    tmp_path: Path, call: Call, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("TIKTOK_PIPELINE_LOCK_TIMEOUT_SECONDS", value)
    result = call(tmp_path / "home", "snapshots")
    assert result.code == USAGE_ERROR
    expected = "expected a number above 0 and at most 1,000,000"
    assert result.problems == [f"tiktok-pipeline: TIKTOK_PIPELINE_LOCK_TIMEOUT_SECONDS={value!r}: {expected}"]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_a_short_help_option_and_help_for_each_parameter(
    tmp_path: Path, call: Call, command: str
) -> None:
    result = call(tmp_path, command, "-h")
    assert (result.code, result.err) == (0, "")
    assert result.out == call(tmp_path, command, "--help").out
    for parameter in typer.main.get_command(cli.app).commands[command].params:  # type: ignore[attr-defined]
        assert parameter.help
        assert parameter.help[0].isupper() or parameter.help.startswith("table:"), parameter.help
        assert parameter.help.endswith("."), parameter.help


def test_version_is_that_of_the_package(tmp_path: Path, call: Call) -> None:
    project = (Path(__file__).resolve().parents[2] / "pyproject.toml").read_text(encoding="utf-8")
    name, number = call(tmp_path, "--version").out.split()
    assert name == "tiktok-pipeline"
    assert f'version = "{number}"' in project


@pytest.mark.parametrize(
    "arguments", [["--quiet", "snapshots"], ["-q", "snapshots"], ["snapshots", "--quiet"]], ids=str
)
def test_quiet_prints_no_notes_but_errors(tmp_path: Path, call: Call, arguments: list[str]) -> None:
    assert "no snapshot in" in call(tmp_path / "home", "snapshots").err
    assert call(tmp_path / "home", *arguments).err == ""
    assert call(tmp_path / "home", "-q", "report").err.startswith("tiktok-pipeline: no report in")


@pytest.mark.parametrize(
    ("arguments", "exit_code", "error_code"),
    [
        (["report", "--json"], 1, "no_report"),
        (["doctor", "--json", "--nonsense"], 2, "usage"),
        (["refresh", "--json", "--all"], 2, "usage"),
        (["refresh", "--json", "none.csv"], 1, "unreadable_file"),
    ],
)
def test_an_error_is_a_json_document_too(
    tmp_path: Path, call: Call, arguments: list[str], exit_code: int, error_code: str
) -> None:
    result = call(tmp_path / "home", *arguments)
    assert result.code == exit_code
    document = json.loads(result.out)
    assert sorted(document) == ["error", "ok"]
    assert document["ok"] is False
    assert document["error"]["code"] == error_code
    assert sorted(document["error"]) == ["code", "message", "remedy"]
    (line,) = result.problems
    assert document["error"]["message"] in line


def test_the_json_option_is_the_same_everywhere(tmp_path: Path, call: Call) -> None:
    commands = typer.main.get_command(cli.app).commands  # type: ignore[attr-defined]
    with_json = [
        name for name in COMMANDS if "--json" in {option for param in commands[name].params for option in param.opts}
    ]
    assert with_json == ["changes", "doctor", "history", "inspect", "refresh", "report", "snapshots"]
    for name in with_json:
        text = " ".join(call(tmp_path, name, "--help").out.split())
        assert "With --json, one object: ok, error," in text


def test_shell_completion_completes_commands_and_options(
    tmp_path: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("_TIKTOK_PIPELINE_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", "tiktok-pipeline sna")
    monkeypatch.setenv("COMP_CWORD", "1")
    result = call(tmp_path)
    assert (result.code, result.out.split(), result.err) == (0, ["snapshots"], "")
    monkeypatch.setenv("COMP_WORDS", "tiktok-pipeline refresh --res")
    monkeypatch.setenv("COMP_CWORD", "2")
    assert call(tmp_path).out.split() == ["--resume"]


def test_help_sql_and_trace_import_nothing_heavy(refreshed_home: Home) -> None:
    def imported_by(*arguments: str) -> set[str]:
        script = (
            "import atexit, sys\n"
            "names = lambda: sorted({name.partition('.')[0] for name in sys.modules})\n"
            "atexit.register(lambda: print(*names(), file=sys.stderr))\n"
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
    assert imported_by("--help") & (heavy | {"duckdb", "narwhals", "numpy", "pyarrow"}) == set()
    for arguments in (("sql", "select 1"), ("trace", "creator00007", "--format", "csv")):
        modules = imported_by(*arguments)
        assert modules & (heavy | {"narwhals"}) == set()
        assert "duckdb" in modules


def test_a_command_imports_no_other_command(refreshed_home: Home) -> None:
    script = (
        "import atexit, sys\n"
        "atexit.register(lambda: print(*sorted(sys.modules), file=sys.stderr))\n"
        "from tiktok_pipeline.cli.app import main\nmain()"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, "--quiet", "sql", "select 1"],
        env=environment(refreshed_home.path),
        capture_output=True,
        text=True,
        check=True,
    )
    imported = {name for name in done.stderr.split() if name.startswith("tiktok_pipeline.cli.")}
    assert imported == {f"tiktok_pipeline.cli.{name}" for name in ("app", "console", "sql")}
