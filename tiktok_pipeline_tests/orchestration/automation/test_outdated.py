"""The sensor ``outdated_snapshots`` requests what a late snapshot leaves out of date, and nothing else."""

from __future__ import annotations

from dagster import AssetKey, DagsterInstance, SensorResult, SkipReason, build_sensor_context

from tiktok_pipeline.creators.schema import COMPARISONS_TABLE
from tiktok_pipeline.frames import to_pandas
from tiktok_pipeline.warehouse.duckdb.warehouse import DuckDBWarehouse
from tiktok_pipeline_tests.homes import Home

MARCH, APRIL = "2024-03-01", "2024-04-01"


def tick(home: Home, cursor: str | None = None) -> SensorResult | SkipReason:
    repository = home.definitions.get_repository_def()
    sensor = repository.get_sensor_def("outdated_snapshots")
    with (
        DagsterInstance.ephemeral() as instance,
        build_sensor_context(instance=instance, cursor=cursor, repository_def=repository) as context,
    ):
        result = sensor(context)
    assert isinstance(result, SensorResult | SkipReason)
    return result


def test_nothing_is_requested_while_all_is_up_to_date(copied_home: Home) -> None:
    result = tick(copied_home)
    assert isinstance(result, SensorResult)
    assert (result.run_requests or [], bool(result.cursor)) == ([], True)
    again = tick(copied_home, result.cursor)
    assert isinstance(again, SkipReason)
    assert "nothing was published" in str(again.skip_message)


def test_the_next_snapshot_is_requested(copied_home: Home) -> None:
    with DuckDBWarehouse(copied_home.settings.warehouse_file) as warehouse:
        row = to_pandas(warehouse.read_slice(COMPARISONS_TABLE, {"snapshot": MARCH}))
        warehouse.replace_slice(COMPARISONS_TABLE, {"snapshot": MARCH}, row.assign(content="another"))
    result = tick(copied_home)
    assert isinstance(result, SensorResult)
    (request,) = result.run_requests or []
    keys = set(request.asset_selection or ())
    assert request.partition_key == APRIL
    assert {AssetKey(["creators", "growth"]), AssetKey("published"), AssetKey("report")} <= keys
    assert not any(key.path[0] in {"raw", "validated", "clusters"} for key in keys)
    assert copied_home.refresh(APRIL, selection=sorted(keys)).success
    result = tick(copied_home)
    assert isinstance(result, SensorResult)
    assert not result.run_requests


def test_a_home_without_tables_is_left_alone(copied_home: Home) -> None:
    published = copied_home.settings.published_file
    published.unlink()
    assert isinstance(tick(copied_home), SkipReason)
