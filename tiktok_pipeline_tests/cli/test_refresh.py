"""``tiktok-pipeline refresh``: what it registers and computes, what it prints, and how it fails."""

from __future__ import annotations

import importlib
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tiktok_pipeline.cli.console import FAILED
from tiktok_pipeline.cli.refresh_summary import print_summary, summarize_snapshots
from tiktok_pipeline_tests.homes import ONE_STUDY, UNTIL_VALIDATED, Home, Said, command
from tiktok_pipeline_tests.scrapes import activity, creators, write_csv

STUDY = "influencer_segments"
Call = Callable[..., Said]


def test_refresh_of_one_study_writes_it_and_what_it_needs(refreshed_home: Home) -> None:
    assert refreshed_home.value(f"select count(*) from segments.{STUDY}", published=True) == 118
    assert refreshed_home.value("select count(*) from features.statistics") > 0
    assert refreshed_home.sql("select distinct study from clusters.assignments") == [(STUDY,)]


def test_segments_of_the_newest_snapshot_are_printed_and_the_reports_of_all(
    refreshed_home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    summaries = summarize_snapshots(refreshed_home.settings, ["2024-03-01", "2024-04-01"], ONE_STUDY)
    print_summary(refreshed_home.settings, summaries, ONE_STUDY)
    said = capsys.readouterr()
    assert "│ 2024-04-01 │" in said.out
    assert "2024-03-01" not in said.out
    assert "the segments of the newest snapshot, 2024-04-01; the others are in their reports" in said.err
    assert [line for line in said.err.splitlines() if line.startswith("report: ")] == [
        f"report: {refreshed_home.settings.reports / key}.html" for key in ("2024-03-01", "2024-04-01")
    ]
    print_summary(refreshed_home.settings, summaries[:1], ONE_STUDY)
    said = capsys.readouterr()
    assert "│ 2024-03-01 │" in said.out
    assert "newest" not in said.err


def test_refresh_of_what_is_there_already_does_nothing(
    copied_home: Home, call: Call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    home = copied_home
    name = "profiles_2024-04-01.csv"
    scrape = Path(shutil.copy(home.settings.raw / "2024-04-01" / name, tmp_path))
    published = home.settings.published_file.stat().st_mtime_ns
    again = call(home.path, "refresh", scrape, "--study", STUDY)
    assert f"{name} (already there)" in again.err
    assert "everything is there already, nothing to do" in again.err
    assert again.code == 0
    assert "Mid-Tier Mainstream Influencers" in again.out, "the segments are printed again"
    assert home.settings.published_file.stat().st_mtime_ns == published
    result = call(home.path, "refresh", scrape, "--study", STUDY, "--json", "--quiet")
    assert (result.code, result.err) == (0, "")
    document = json.loads(result.out)
    assert [(snapshot["ok"], snapshot["run_id"]) for snapshot in document["snapshots"]] == [(True, None)]
    shutil.copy(scrape, home.settings.incoming)
    assert "everything is there already" in call(home.path, "refresh", "--study", STUDY).err

    computed: list[list[str]] = []
    monkeypatch.setattr(
        importlib.import_module("tiktok_pipeline.cli.refresh"),
        "materialize_snapshots",
        lambda _settings, keys, *_arguments, **_options: computed.append(list(keys)),
    )
    for more in (["--study", STUDY, "--again"], ["--study", STUDY, "--study", "balanced_segments"], []):
        call(home.path, "refresh", scrape, *more)
    assert computed == [["2024-04-01"]] * 3, "asked for again, or another study is not there"


def test_refresh_as_json_is_one_document(tmp_path: Path, call: Call) -> None:
    rows = creators(60)
    rows[3]["followers"] = "-1"
    for row in rows[4:8]:
        row["followers"] = "many"
    scrape = write_csv(tmp_path / "scrape.csv", rows)
    result = call(tmp_path / "home", "refresh", scrape, "--study", STUDY, "--json")
    assert result.code == 0, result.err
    home = Home(tmp_path / "home")
    document = json.loads(result.out)
    (snapshot,) = document.pop("snapshots")
    assert document == {"ok": True, "error": None, "refused": [], "published": str(home.settings.published_file)}
    assert len(snapshot.pop("run_id")) == 36
    (warning,) = [warning for warning in snapshot.pop("warnings") if warning["check"] == "rejected_share"]
    assert warning == {
        "asset": "validated.rejected",
        "check": "rejected_share",
        "severity": "warn",
        "summary": "(rejected: 8.3% of profiles)",
    }
    (study,) = snapshot.pop("studies")
    assert snapshot == {
        "snapshot": "2024-03-01",
        "ok": True,
        "error": None,
        "valid_rows": 55,
        "rejected_rows": 5,
        "report": str(home.settings.reports / "2024-03-01.html"),
    }
    assert (study["study"], study["incomplete_because"]) == (STUDY, None)
    assert [tuple(persona.values()) for persona in study["personas"]] == home.sql(
        "select persona, profiles, profiles_in_fit, share, verdict from personas.summaries order by profiles desc"
    )
    assert (study["basis"], study["shown_snapshot"]) == (None, "2024-03-01")
    assert list(study["personas"][0]) == ["persona", "profiles", "profiles_in_fit", "share", "verdict"]


@pytest.mark.slow
def test_refresh_without_a_path_ingests_the_inbox(tmp_path: Path, call: Call) -> None:
    incoming = tmp_path / "home" / "incoming"
    empty = call(tmp_path / "home", "refresh")
    assert (empty.code, empty.err) == (0, f"no new file in {incoming}\n")
    write_csv(incoming / "creator_activity_2024-06-01.csv", activity(30))
    (incoming / "bad.csv").write_text("no,known,columns\n1,2,3\n", encoding="utf-8")
    result = call(tmp_path / "home", "refresh", "--study", STUDY, "--study", "creator_archetypes", "--json")
    assert result.code == FAILED, "a file was refused"
    document = json.loads(result.out)
    ((study,),) = [snapshot["studies"] for snapshot in document["snapshots"]]
    assert (study["study"], study["incomplete_because"]) == ("creator_archetypes", None)
    assert "incomplete" not in result.err, f"profiles, which {STUDY} needs, were not delivered"
    assert [snapshot["ok"] for snapshot in document["snapshots"]] == [True]
    refused = tmp_path / "home" / "incoming" / "refused" / "bad.csv"
    assert [entry["file"] for entry in document["refused"]] == [str(refused)]
    assert document["error"]["code"] == "files_refused"
    assert [path.name for path in incoming.iterdir()] == ["refused"]
    again = call(tmp_path / "home", "refresh")
    assert (again.code, again.err) == (0, f"no new file in {incoming}\n")


@pytest.mark.slow
def test_a_refresh_as_a_process_prints_its_personas_and_no_noise(tmp_path: Path) -> None:
    scrape = write_csv(tmp_path / "scrape.csv", creators(60))
    done = command(tmp_path / "home", "refresh", scrape)
    assert done.returncode == 0
    assert "persona" in done.stdout
    assert STUDY in done.stdout
    notes = [line for line in done.stderr.splitlines() if not line.startswith("2024-03-01: ")]
    query = "select persona, count(*) as creators from segments.balanced_segments group by all order by 2 desc"
    assert notes == [
        "reading the files ...",
        "snapshot 2024-03-01: scrape.csv (new)",
        "starting Dagster ...",
        "snapshot 2024-03-01: 60 valid rows, 0 rejected",
        "snapshot 2024-03-01: active_creators is incomplete: 4 positive of 60 labeled profiles, at least 10 needed",
        "snapshot 2024-03-01: top_influencers is incomplete: 3 positive of 60 labeled profiles, at least 10 needed",
        f"report: {tmp_path / 'home' / 'reports' / '2024-03-01.html'}",
        f"published tables: {tmp_path / 'home' / 'published' / 'tiktok.duckdb'}",
        "next:",
        "  tiktok-pipeline report 2024-03-01 --open",
        f'  tiktok-pipeline sql "{query}"',
        "  tiktok-pipeline export balanced_segments --out balanced_segments.xlsx",
        "  tiktok-pipeline explore --open",
        "  tiktok-pipeline ui",
    ]
    again = command(tmp_path / "home", "refresh", scrape, "--again", "--verbose", "--quiet")
    assert again.returncode == 0
    assert "(already there)" not in again.stderr
    assert "RUN_SUCCESS" in again.stderr
    assert "STEP_START" in again.stderr
    assert "nanobind" not in done.stderr + again.stderr
    assert "Warning" not in done.stderr


def hold(script: str, argument: Path) -> subprocess.Popen[str]:
    """Start a process that runs ``script`` and lives until it is killed."""
    process = subprocess.Popen(
        [sys.executable, "-c", f"{script}\nprint('held', flush=True)\nsys.stdin.read()", str(argument)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


@pytest.mark.slow
def test_a_locked_database_fails_within_the_time_limit_and_names_its_holder(
    copied_home: Home, call: Call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TIKTOK_PIPELINE_LOCK_TIMEOUT_SECONDS", "1")
    scrape = write_csv(tmp_path / "scrape.csv", creators(5, day="2024-05-01"))
    script = "import duckdb, sys\nconnection = duckdb.connect(sys.argv[1])"
    with hold(script, copied_home.settings.warehouse_file) as other:
        try:
            result = call(copied_home.path, "refresh", scrape, "--json")
        finally:
            other.kill()
    assert result.code == FAILED
    (line,) = result.problems
    assert f"{copied_home.settings.warehouse_file}: waited 1 s for the database" in line
    assert str(other.pid) in line
    assert "try again" in line
    document = json.loads(result.out)
    assert document["error"]["code"] == "snapshots_failed"
    (snapshot,) = document["snapshots"]
    assert (snapshot["snapshot"], snapshot["ok"], snapshot["report"]) == ("2024-05-01", False, None)
    assert snapshot["error"]["code"] == "warehouse_locked"
    assert snapshot["error"]["message"] in line
    (logged,) = copied_home.settings.failures_file.read_text(encoding="utf-8").splitlines()
    assert f"run={snapshot['run_id']}" in logged
    assert copied_home.refresh("2024-05-01", selection=UNTIL_VALIDATED).success


def test_a_locked_home_fails_within_the_time_limit_and_names_its_holder(
    copied_home: Home, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIKTOK_PIPELINE_HOME_TIMEOUT_SECONDS", "1")
    script = (
        "import sys, pathlib\nfrom tiktok_pipeline.home.lock import home_lock\n"
        "lock = home_lock(pathlib.Path(sys.argv[1]), timeout_seconds=5)\nlock.__enter__()"
    )
    with hold(script, copied_home.settings.lock_file) as other:
        try:
            result = call(copied_home.path, "refresh")
            answered = call(copied_home.path, "sql", "select count(*) from personas.summaries")
        finally:
            other.kill()
    assert result.code == FAILED
    waiting, problem = result.err.splitlines()
    assert waiting.startswith(f"waiting for process {other.pid}, which is using {copied_home.path}")
    assert problem.startswith(f"tiktok-pipeline: {copied_home.path}: process {other.pid} ")
    assert "1 s" in problem
    assert answered.code == 0, "readers are never blocked"
