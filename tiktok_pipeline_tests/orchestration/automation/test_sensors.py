"""Automation: sensors request one run for what is new, conditions follow a changed study."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from dagster import (
    AssetKey,
    DagsterInstance,
    DagsterRunStatus,
    DefaultScheduleStatus,
    DefaultSensorStatus,
    Definitions,
    SensorResult,
    SkipReason,
    build_sensor_context,
    evaluate_automation_conditions,
)

from tiktok_pipeline.assembly import build_definitions, refresh_job
from tiktok_pipeline.home.lock import home_lock
from tiktok_pipeline.home.manifest import compute_delivery_id, read_manifest
from tiktok_pipeline.orchestration.partitions import add_snapshots, known_snapshots
from tiktok_pipeline.orchestration.runs.orphaned_runs import fail_orphaned_runs
from tiktok_pipeline_tests.homes import ONE_STUDY, TWO_STUDIES, Home
from tiktok_pipeline_tests.scrapes import creators, write_csv


@pytest.fixture
def instance() -> Iterator[DagsterInstance]:
    with DagsterInstance.ephemeral() as made:
        yield made


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path / "home")
    made.settings.incoming.mkdir(parents=True)
    return made


def tick(home: Home, name: str, instance: DagsterInstance, cursor: str | None = None) -> SensorResult:
    """One tick of a sensor, as the daemon makes it."""
    definitions = home.definitions
    sensor = definitions.get_repository_def().get_sensor_def(name)
    context = build_sensor_context(
        instance=instance, cursor=cursor, repository_def=definitions.get_repository_def(), sensor_name=name
    )
    found: Any = sensor(context)
    return found if isinstance(found, SensorResult) else SensorResult(skip_reason=found)


def said(result: SensorResult) -> str:
    reason = result.skip_reason
    return (reason.skip_message or "") if isinstance(reason, SkipReason) else str(reason)


def record(instance: DagsterInstance, tags: dict[str, str], status: DagsterRunStatus, job: str = "refresh") -> str:
    """A run that is in Dagster's records."""
    from dagster import DagsterRun
    from dagster._core.utils import make_new_run_id

    run = DagsterRun(job_name=job, run_id=make_new_run_id(), tags=tags, status=status)
    instance.add_run(run)
    return run.run_id


def test_all_sensors_are_on_and_the_schedule_is_off_by_default() -> None:
    repository = build_definitions(Home(Path("/nowhere")).settings, ONE_STUDY).get_repository_def()
    assert {one.name: one.default_status for one in repository.sensor_defs} == dict.fromkeys(
        ("new_scrapes", "new_deliveries", "outdated_snapshots", "failures", "changed_studies"),
        DefaultSensorStatus.RUNNING,
    )
    assert {one.name: one.default_status for one in repository.schedule_defs} == {
        "ingest_daily": DefaultScheduleStatus.STOPPED
    }


def test_new_scrapes_requests_a_run_only_if_a_file_is_complete(home: Home, instance: DagsterInstance) -> None:
    assert said(tick(home, "new_scrapes", instance)) == "no file in incoming"
    write_csv(home.settings.incoming / "scrape.csv", creators(5))
    young = Home(home.path)
    young.__dict__["settings"] = replace(home.settings, settle_seconds=60)
    assert said(tick(young, "new_scrapes", instance)) == "1 file(s) are still being written"
    time.sleep(0.3)
    (request,) = tick(home, "new_scrapes", instance).run_requests or []
    assert request.tags == {"tiktok_pipeline/files": "scrape.csv"}


def test_a_file_from_the_future_is_complete_if_two_ticks_agree(
    home: Home, instance: DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_csv(home.settings.incoming / "scrape.csv", creators(5))
    now = time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: now() - 10**12)  # the machine's clock was set back
    first = tick(home, "new_scrapes", instance)
    assert first.run_requests == []
    second = tick(home, "new_scrapes", instance, first.cursor)
    assert len(second.run_requests or []) == 1


def test_new_scrapes_pauses_during_a_run_and_longer_after_each_failure(home: Home, instance: DagsterInstance) -> None:
    write_csv(home.settings.incoming / "scrape.csv", creators(5))
    time.sleep(0.3)
    run = record(instance, {}, DagsterRunStatus.STARTED, job="ingest")
    assert said(tick(home, "new_scrapes", instance)) == "an ingest run is in progress"
    instance.report_run_failed(instance.get_run_by_id(run) or pytest.fail("gone"))
    assert "the last 1 run(s) failed; the next attempt is in" in said(tick(home, "new_scrapes", instance))


def test_a_clock_that_went_back_does_not_stop_the_sensor_for_that_time(
    home: Home, instance: DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_csv(home.settings.incoming / "scrape.csv", creators(5))
    time.sleep(0.3)
    run = record(instance, {}, DagsterRunStatus.STARTED, job="ingest")
    instance.report_run_failed(instance.get_run_by_id(run) or pytest.fail("gone"))
    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() - 10**8)
    assert len(tick(home, "new_scrapes", instance).run_requests or []) == 1


def test_a_delivery_gets_one_run_and_the_next_one_another(
    home: Home, instance: DagsterInstance, tmp_path: Path
) -> None:
    home.deliver(write_csv(tmp_path / "a.csv", creators(5)))
    first = tick(home, "new_deliveries", instance)
    (request,) = first.run_requests or []
    delivery = compute_delivery_id(read_manifest(home.settings.raw / "2024-03-01"))
    assert request.partition_key == "2024-03-01"
    assert request.tags["tiktok_pipeline/delivery"] == delivery
    assert request.tags["tiktok_pipeline/files"] == "a.csv"
    assert known_snapshots(instance) == ["2024-03-01"]
    run = record(instance, dict(request.tags), DagsterRunStatus.STARTED)
    waiting = tick(home, "new_deliveries", instance, first.cursor)
    assert (waiting.run_requests, json.loads(waiting.cursor or "")) == ([], {})
    instance.report_run_failed(instance.get_run_by_id(run) or pytest.fail("gone"))
    home.deliver(write_csv(tmp_path / "b.csv", creators(5, seed=2)))
    changed = tick(home, "new_deliveries", instance, waiting.cursor)
    (other,) = changed.run_requests or []
    assert other.tags["tiktok_pipeline/delivery"] != delivery
    assert other.run_key != request.run_key


def test_a_new_instance_on_a_refreshed_home_requests_no_run(refreshed_home: Home, instance: DagsterInstance) -> None:
    """Like `dagster dev` without DAGSTER_HOME: no run records, no cursor, and every delivery is published."""
    result = tick(refreshed_home, "new_deliveries", instance)
    assert (result.run_requests, said(result)) == ([], "every delivery is published or had its run")
    assert set(json.loads(result.cursor or "")) == {"2024-03-01", "2024-04-01"}
    assert known_snapshots(instance) == ["2024-03-01", "2024-04-01"]


def test_a_new_instance_requests_a_run_for_a_delivery_that_is_not_published(
    copied_home: Home, instance: DagsterInstance, tmp_path: Path
) -> None:
    copied_home.deliver(write_csv(tmp_path / "more.csv", creators(5, seed=9)))
    (request,) = tick(copied_home, "new_deliveries", instance).run_requests or []
    assert request.partition_key == "2024-03-01"


@pytest.mark.parametrize(
    ("tags", "status", "again"),
    [
        ({}, DagsterRunStatus.SUCCESS, 0),
        ({}, DagsterRunStatus.CANCELED, 0),
        ({"dagster/failure_reason": "STEP_FAILURE"}, DagsterRunStatus.FAILURE, 0),
        ({"dagster/will_retry": "true"}, DagsterRunStatus.FAILURE, 0),
        ({}, DagsterRunStatus.FAILURE, 1),
    ],
    ids=["done", "canceled by a person", "bad data", "tried again by Dagster", "killed"],
)
def test_only_a_killed_run_is_requested_again(
    home: Home, instance: DagsterInstance, *, tags: dict[str, str], status: DagsterRunStatus, again: int
) -> None:
    home.deliver(write_csv(home.settings.incoming / "a.csv", creators(5)))
    delivery = compute_delivery_id(read_manifest(home.settings.raw / "2024-03-01"))
    record(instance, {"tiktok_pipeline/delivery": delivery, **tags}, status)
    assert len(tick(home, "new_deliveries", instance).run_requests or []) == again


def test_a_delivery_whose_runs_are_always_killed_is_not_requested_again(
    home: Home, instance: DagsterInstance, tmp_path: Path
) -> None:
    home.deliver(write_csv(tmp_path / "a.csv", creators(5)))
    delivery = compute_delivery_id(read_manifest(home.settings.raw / "2024-03-01"))
    for _ in range(4):
        record(instance, {"tiktok_pipeline/delivery": delivery}, DagsterRunStatus.FAILURE)
    assert tick(home, "new_deliveries", instance).run_requests == []


def test_new_deliveries_waits_while_a_process_uses_the_home(
    home: Home, instance: DagsterInstance, tmp_path: Path
) -> None:
    home.deliver(write_csv(tmp_path / "a.csv", creators(5)))
    with home_lock(home.settings.lock_file, timeout_seconds=1):
        assert said(tick(home, "new_deliveries", instance)) == f"process {os.getpid()} is using this home"
    assert len(tick(home, "new_deliveries", instance).run_requests or []) == 1


def test_a_damaged_manifest_does_not_stop_the_others(home: Home, instance: DagsterInstance, tmp_path: Path) -> None:
    home.deliver(write_csv(tmp_path / "a.csv", creators(5)))
    damaged = home.settings.raw / "2024-02-01"
    damaged.mkdir()
    (damaged / "manifest.json").write_text("[{", encoding="utf-8")
    (request,) = tick(home, "new_deliveries", instance).run_requests or []
    assert request.partition_key == "2024-03-01"


def test_new_deliveries_ends_the_runs_of_dead_processes(home: Home, instance: DagsterInstance) -> None:
    run = record(instance, {}, DagsterRunStatus.STARTED)
    assert fail_orphaned_runs(instance) == []  # it is young
    assert instance.get_run_by_id(run) is not None


def requested(definitions: Definitions, instance: DagsterInstance, cursor: Any = None) -> tuple[set[str], Any]:
    found = evaluate_automation_conditions(definitions, instance=instance, cursor=cursor)
    keys = {
        key.to_user_string()
        for key in definitions.resolve_asset_graph().get_all_asset_keys()
        if found.get_num_requested(key)
    }
    return keys, found.cursor


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Parameter `include_sources`")  # Dagster's own tester warns of itself
def test_a_changed_study_requests_its_own_assets_the_published_file_and_the_report(tmp_path: Path) -> None:
    home = Home(tmp_path / "home", studies=TWO_STUDIES)
    home.deliver(write_csv(tmp_path / "a.csv", creators(120)))
    with DagsterInstance.local_temp(str(tmp_path)) as instance:
        add_snapshots(instance, ["2024-03-01"])
        run = refresh_job(home.definitions).execute_in_process(partition_key="2024-03-01", instance=instance)
        assert run.success
        asked, cursor = requested(home.definitions, instance)
        assert asked == set()
        segments, other = TWO_STUDIES
        changed = replace(segments, question="the same, with other words?")
        definitions = build_definitions(home.settings, (changed, other))
        asked, cursor = requested(definitions, instance, cursor)
        own = {key.to_user_string() for key in AssetKeys(definitions).of(segments.name)}
        assert asked == own | {"published", "report"}
        asked, _ = requested(definitions, instance, cursor)
        assert asked == set(), "it is asked for once"


class AssetKeys:
    """The keys of a group."""

    def __init__(self, definitions: Definitions) -> None:
        self._graph = definitions.resolve_asset_graph()

    def of(self, group: str) -> set[AssetKey]:
        from dagster import AssetSelection

        return set(AssetSelection.groups(group).resolve(self._graph))
