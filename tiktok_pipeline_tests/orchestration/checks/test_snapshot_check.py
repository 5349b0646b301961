"""Checks of one snapshot: a failure belongs to its partition, and the numbers of a run are plotted."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from dagster import (
    AssetCheckKey,
    AssetKey,
    AssetSelection,
    DagsterEventType,
    DagsterInstance,
    Definitions,
    ExecuteInProcessResult,
    define_asset_job,
)

from tiktok_pipeline.assembly import refresh_job
from tiktok_pipeline.orchestration.partitions import add_snapshots
from tiktok_pipeline.orchestration.runs.resume import finished_assets
from tiktok_pipeline.orchestration.runs.tags import SNAPSHOT_TAG
from tiktok_pipeline.warehouse.duckdb.warehouse import DuckDBWarehouse
from tiktok_pipeline_tests.homes import Home

VALIDATED = [AssetKey(["validated", "profiles"]), AssetKey(["validated", "rejected"])]


@pytest.fixture
def instance() -> Iterator[DagsterInstance]:
    with DagsterInstance.ephemeral() as ephemeral:
        yield ephemeral


def run(home: Home, instance: DagsterInstance, snapshot: str, assets: list[AssetKey]) -> ExecuteInProcessResult:
    """Run the job ``refresh`` for some assets of a snapshot, and for those that the same steps compute."""
    add_snapshots(instance, [snapshot])
    selection = AssetSelection.assets(*assets).required_multi_asset_neighbors()
    return refresh_job(home.definitions).execute_in_process(
        partition_key=snapshot,
        instance=instance,
        asset_selection=sorted(selection.resolve(home.definitions.resolve_asset_graph())),
        raise_on_error=False,
        tags={SNAPSHOT_TAG: snapshot},
    )


def test_a_mistyped_partition_leaves_the_results_of_the_others(copied_home: Home, instance: DagsterInstance) -> None:
    raw = [AssetKey(["raw", "files"])]
    assert run(copied_home, instance, "2024-03-01", raw).success
    assert not run(copied_home, instance, "2024-3-1", raw).success
    evaluations = [
        (evaluation.partition, evaluation.check_name, evaluation.passed)
        for record in instance.get_run_records()
        for entry in instance.all_logs(record.dagster_run.run_id, of_type=DagsterEventType.ASSET_CHECK_EVALUATION)
        if entry.dagster_event
        for evaluation in [entry.dagster_event.asset_check_evaluation_data]
    ]
    assert ("2024-03-01", "contract", True) in evaluations
    assert {partition for partition, _, _ in evaluations} == {"2024-03-01"}


def test_numbers_that_people_follow_are_numeric_metadata(copied_home: Home, instance: DagsterInstance) -> None:
    study = "influencer_segments"
    assets = [
        *VALIDATED,
        AssetKey(["features", "profiles"]),
        AssetKey(["features", "drift"]),
        AssetKey(["clusters", study, f"{study}_stability"]),
        AssetKey(["personas", study, f"{study}_summaries"]),
    ]
    result = run(copied_home, instance, "2024-04-01", assets)
    assert result.success
    numbers = {
        (event.asset_key.path[-1], name): value.value
        for event in result.all_events
        if event.is_step_materialization and event.asset_key
        for name, value in event.step_materialization_data.materialization.metadata.items()
        if isinstance(value.value, int | float)
    }
    assert numbers["profiles", "dagster/row_count"] == 118
    assert numbers["rejected", "rejected_share"] == pytest.approx(2 / 120)
    assert 0 < numbers[f"{study}_stability", "worst_jaccard"] <= 1
    assert numbers[f"{study}_summaries", "smallest_segment"] >= 1
    checks = {
        (evaluation.asset_key.path[-1], evaluation.check_name): evaluation.metadata
        for evaluation in result.get_asset_check_evaluations()
    }
    assert checks["rejected", "rejected_share"]["rejected_share"].value == pytest.approx(2 / 120)
    drift = checks["drift", "drift"]
    indices = [metadata.value for name, metadata in drift.items() if name.startswith("psi_")]
    assert drift["worst_psi"].value == max(index for index in indices if isinstance(index, float))


@pytest.mark.parametrize(
    "has_partition", [True, False], ids=["with a partition", "as an earlier version recorded it"]
)
def test_a_table_is_finished_if_its_contract_passed_after_it_was_written(
    copied_home: Home, instance: DagsterInstance, *, has_partition: bool
) -> None:
    snapshot = "2024-04-01"
    if has_partition:
        assert run(copied_home, instance, snapshot, VALIDATED).success
    else:
        check = AssetSelection.checks(*(AssetCheckKey(key, "contract") for key in VALIDATED))
        definitions = Definitions.merge(
            copied_home.definitions, Definitions(jobs=[define_asset_job("contracts", check)])
        )
        job = definitions.resolve_job_def("contracts")
        assert job.execute_in_process(instance=instance, tags={SNAPSHOT_TAG: snapshot}).success
    with DuckDBWarehouse(copied_home.settings.warehouse_file) as warehouse:
        slices = warehouse.slices()
    (delivery_id,) = {slice_.delivery_id for slice_ in slices if slice_.snapshot == snapshot}
    finished = finished_assets(instance, snapshot, delivery_id, slices)
    assert finished >= set(VALIDATED)
    assert AssetKey(["features", "profiles"]) not in finished
    assert finished_assets(instance, snapshot, "another delivery", slices) == set()
    assert finished_assets(instance, "2024-03-01", delivery_id, slices) == set()
