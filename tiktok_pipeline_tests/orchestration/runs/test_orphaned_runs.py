"""Runs whose process is gone are ended; those that live, and those that are over, are left alone."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
from dagster import DagsterInstance, DagsterRunStatus, RunsFilter, job
from dagster._core.events import EngineEventData

from tiktok_pipeline.orchestration.runs import orphaned_runs
from tiktok_pipeline.orchestration.runs.orphaned_runs import fail_orphaned_runs


@job
def nothing() -> None:
    """A job without a step."""


@pytest.fixture
def instance() -> Iterator[DagsterInstance]:
    with DagsterInstance.ephemeral() as one:
        yield one


def run_of(instance: DagsterInstance, pid: int | None, status: DagsterRunStatus = DagsterRunStatus.STARTED) -> str:
    run = instance.create_run_for_job(nothing, status=status)
    if pid is not None:
        instance.report_engine_event("Executing steps in process", run, EngineEventData.in_process(pid))
    return run.run_id


def dead_pid() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


@pytest.mark.parametrize(
    "status", [DagsterRunStatus.STARTING, DagsterRunStatus.STARTED, DagsterRunStatus.CANCELING], ids=str
)
def test_a_run_of_a_dead_process_is_ended_and_says_why(instance: DagsterInstance, status: DagsterRunStatus) -> None:
    run_id = run_of(instance, dead_pid(), status)
    assert fail_orphaned_runs(instance) == [run_id]
    (run,) = instance.get_runs(RunsFilter(run_ids=[run_id]))
    assert run.status == DagsterRunStatus.FAILURE
    assert "The process of this run is gone" in str(instance.all_logs(run_id)[-1].dagster_event)
    assert fail_orphaned_runs(instance) == []


def test_a_run_of_a_living_process_goes_on(instance: DagsterInstance) -> None:
    run_of(instance, os.getpid())
    assert fail_orphaned_runs(instance) == []


def test_a_later_process_of_the_same_number_is_not_taken_for_it() -> None:
    """After a restart of a container, low numbers are always in use again."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as later:
        assert orphaned_runs._is_process(later.pid, seen_at=time.time())
        assert not orphaned_runs._is_process(later.pid, seen_at=time.time() - 3_600)
        later.kill()


def test_a_process_that_was_killed_and_not_yet_waited_for_is_dead() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as killed:
        killed.kill()
        os.waitid(os.P_PID, killed.pid, os.WEXITED | os.WNOWAIT)
        assert not orphaned_runs._is_process(killed.pid, seen_at=time.time())


def test_a_run_that_has_just_started_is_given_time_to_name_its_process(
    instance: DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = run_of(instance, None)
    assert fail_orphaned_runs(instance) == []
    monkeypatch.setattr(orphaned_runs, "_START_SECONDS", 0.0)
    assert fail_orphaned_runs(instance) == [run_id]


def test_a_run_without_a_process_does_not_live_until_a_clock_that_went_back_has_caught_up(
    instance: DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = run_of(instance, None)
    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() - 10**8)
    assert fail_orphaned_runs(instance) == [run_id]


@pytest.mark.parametrize("status", [DagsterRunStatus.NOT_STARTED, DagsterRunStatus.SUCCESS], ids=str)
def test_other_runs_are_not_looked_at(instance: DagsterInstance, status: DagsterRunStatus) -> None:
    run_of(instance, dead_pid(), status)
    assert fail_orphaned_runs(instance) == []
