"""A run of the command line: what it tells step by step, and what it says when it fails."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from dagster import DagsterInstance

from tiktok_pipeline.analysis.segmentation import FitTables, fit_study
from tiktok_pipeline.assembly import build_definitions, refresh_job
from tiktok_pipeline.orchestration.assets import study as study_assets
from tiktok_pipeline.orchestration.partitions import add_snapshots, known_snapshots
from tiktok_pipeline.orchestration.runs.outcome import Failure, Outcome
from tiktok_pipeline.orchestration.runs.refresh import refresh_snapshot, step_logger
from tiktok_pipeline_tests.features.frames import spoil_feature
from tiktok_pipeline_tests.homes import Home


def refresh(home: Home, snapshot: str = "2024-03-01", steps: list[str] | None = None) -> Outcome:
    heard = steps if steps is not None else []
    definitions = build_definitions(home.settings, home.studies, logger=step_logger(heard.append))
    with DagsterInstance.ephemeral() as instance:
        add_snapshots(instance, [snapshot])
        job = refresh_job(definitions)
        return refresh_snapshot(job, snapshot, instance=instance, tags={}, quiet=True)


def failure_of(home: Home, snapshot: str = "2024-03-01") -> Failure:
    failure = refresh(home, snapshot).failure
    assert failure is not None
    return failure


def test_it_tells_every_step_and_prints_nothing(copied_home: Home, capfd: pytest.CaptureFixture[str]) -> None:
    steps: list[str] = []
    outcome = refresh(copied_home, steps=steps)
    assert outcome.failure is None
    job = refresh_job(copied_home.definitions)
    assert sorted(steps) == sorted(node.name for node in job.nodes)
    assert steps[0] == "raw"
    assert set(steps[-3:]) == {"published", "report", "published_newest_snapshot"}
    assert capfd.readouterr() == ("", "")


def test_an_unknown_snapshot_says_what_to_run(copied_home: Home) -> None:
    failure = failure_of(copied_home, "1999-01-01")
    assert failure.is_expected
    assert failure.step == "raw"
    assert "snapshot 1999-01-01: " in failure.message
    assert "tiktok-pipeline refresh FILE --snapshot 1999-01-01" in failure.message


@pytest.mark.parametrize("is_gone", [True, False], ids=["gone", "changed"])
def test_a_stored_file_that_is_not_what_was_delivered_is_named(copied_home: Home, is_gone: bool) -> None:
    stored = copied_home.settings.raw / "2024-03-01" / "profiles_2024-03-01.csv"
    if is_gone:
        stored.unlink()
    else:
        stored.write_bytes(stored.read_bytes()[:-200])
    before = copied_home.tables()
    failure = failure_of(copied_home)
    assert failure.is_expected
    assert f"{stored}: gone, or changed since it was delivered; deliver the file again" in failure.message
    assert copied_home.tables() == before


def test_a_locked_database_is_told_in_the_warehouse_s_own_words(copied_home: Home) -> None:
    hold = "import duckdb, sys\nc = duckdb.connect(sys.argv[1])\nprint('open', flush=True)\nsys.stdin.read()"
    file = copied_home.settings.warehouse_file
    with subprocess.Popen(
        [sys.executable, "-c", hold, str(file)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        try:
            assert other.stdout is not None
            assert other.stdout.readline() == "open\n"
            failure = failure_of(Home(copied_home.path, lock_timeout_seconds=0.5))
        finally:
            other.kill()
    assert failure.is_expected
    assert f"{file}: waited 0.5 s for the database" in failure.message
    assert str(other.pid) in failure.message
    assert "Close the program that has it open" in failure.message


@pytest.mark.slow
def test_a_computed_table_that_breaks_its_contract_is_told_with_its_name(
    copied_home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    fit = fit_study

    def worse(*arguments: Any) -> FitTables:
        tables = fit(*arguments)
        return tables._replace(models=tables.models.assign(scale=-1.0))

    monkeypatch.setattr(study_assets, "fit_study", worse)
    failure = failure_of(copied_home)
    assert failure.is_expected
    assert "clusters.models: the computed table breaks its contract" in failure.message


@pytest.mark.slow
def test_a_defect_is_told_with_its_step_and_as_not_foreseen(
    copied_home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    def defect(*_: object) -> None:
        raise ZeroDivisionError("float division\nby zero")

    monkeypatch.setattr(study_assets, "fit_study", defect)
    failure = failure_of(copied_home)
    assert not failure.is_expected
    assert failure.step == "influencer_segments_model"
    assert failure.message == "float division by zero"


def test_a_failed_check_is_told_with_its_table_and_rule(copied_home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    import narwhals as nw

    spoil_feature(monkeypatch, "log_likes", (nw.col("source_row") * -1).cast(nw.Float64))
    failure = failure_of(copied_home)
    assert failure.is_expected
    assert "features.profiles" in failure.message
    assert "log_likes: expected at least 0.0" in failure.message


def test_snapshots_are_sorted_by_key_and_not_by_insertion() -> None:
    with DagsterInstance.ephemeral() as instance:
        add_snapshots(instance, ["2024-04-01", "2024-03-01"])
        add_snapshots(instance, ["2024-03-01"])
        assert known_snapshots(instance) == ["2024-03-01", "2024-04-01"]
