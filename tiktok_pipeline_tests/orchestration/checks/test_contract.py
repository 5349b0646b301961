"""A broken contract stops what comes after; checks look at the run's snapshot, and alone at the newest one."""

from __future__ import annotations

from pathlib import Path

import narwhals as nw
import pytest
from dagster import AssetCheckKey, AssetKey, AssetSelection, DagsterInstance, ExecuteInProcessResult

from tiktok_pipeline.orchestration.asset_keys import asset_key
from tiktok_pipeline.orchestration.checks.contract import broken_rules
from tiktok_pipeline.orchestration.partitions import add_snapshots
from tiktok_pipeline_tests.features.frames import spoil_feature
from tiktok_pipeline_tests.homes import Home, materialized, reasons_of

FEATURES = AssetKey(["features", "profiles"])


def run_checks_alone(
    home: Home, snapshots: list[str], *, checks: AssetSelection | None = None
) -> ExecuteInProcessResult:
    """Run all or some checks without an asset and without a partition, as the UI's button does."""
    from dagster import Definitions, define_asset_job

    job = define_asset_job("checks", checks or AssetSelection.all_asset_checks())
    definitions = Definitions.merge(home.definitions, Definitions(jobs=[job]))
    with DagsterInstance.ephemeral() as instance:
        if snapshots:
            add_snapshots(instance, snapshots)
        return definitions.resolve_job_def("checks").execute_in_process(instance=instance, raise_on_error=False)


def break_stored(home: Home, statement: str) -> None:
    """Change a stored slice behind the pipeline's back."""
    import duckdb

    with duckdb.connect(str(home.settings.warehouse_file)) as connection:
        connection.execute(statement)


def test_a_broken_contract_stops_what_comes_after(copied_home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    spoil_feature(monkeypatch, "followers", -nw.col("followers").cast(nw.Float64))
    published = copied_home.settings.published_file.read_bytes()
    before = copied_home.tables()
    result = copied_home.refresh("2024-03-01")
    assert not result.success
    assert "features/profiles" in materialized(result)
    after = {key for key in materialized(result) if key.startswith(("clusters", "personas", "published"))}
    assert after == set()
    assert copied_home.settings.published_file.read_bytes() == published
    later = [table for table in before if table.startswith(("clusters", "personas"))]
    assert {table: copied_home.tables()[table] for table in later} == {table: before[table] for table in later}


def test_the_failed_check_tells_the_rule_and_how_many_rows_break_it(
    copied_home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    followers = nw.col("followers").cast(nw.Float64)
    low = nw.when(nw.col("source_row") <= 10).then(nw.lit(-1.0)).otherwise(followers)
    spoil_feature(monkeypatch, "followers", low)
    result = copied_home.refresh("2024-03-01")
    (failed,) = [one for one in result.get_asset_check_evaluations() if not one.passed]
    assert failed.asset_key == FEATURES
    assert failed.metadata["rows_by_broken_rule"].value == {"followers: expected at least 0.0": 7}
    assert "features" in reasons_of(result)


def test_every_check_of_a_good_run_passed(refreshed_home: Home) -> None:
    result = run_checks_alone(refreshed_home, ["2024-03-01", "2024-04-01"])
    assert result.success
    done = {AssetCheckKey(one.asset_key, one.check_name) for one in result.get_asset_check_evaluations()}
    assert done == set(refreshed_home.definitions.resolve_asset_graph().asset_check_keys)
    failed = {one.check_name: one for one in result.get_asset_check_evaluations() if not one.passed}
    assert set(failed) <= {"newest_snapshot", "drift"}  # what was invented long ago is old, and drawn anew each time
    assert all(one.severity.value == "WARN" or one.check_name == "drift" for one in failed.values())


@pytest.mark.parametrize(("spoiled", "passes"), [("2024-04-01", False), ("2024-03-01", True)])
def test_a_check_that_is_started_alone_looks_at_the_newest_snapshot(
    copied_home: Home, spoiled: str, passes: bool
) -> None:
    break_stored(copied_home, f"update validated.profiles set followers = -1 where snapshot = '{spoiled}'")
    snapshots = ["2024-04-01", "2024-03-01", "2024-4-1"]  # the last one is mistyped
    result = run_checks_alone(copied_home, snapshots, checks=AssetSelection.checks_for_assets(FEATURES))
    found = {
        one.asset_key: one.passed for one in result.get_asset_check_evaluations() if one.check_name == "contract"
    }
    assert found[FEATURES] is passes


def test_a_check_without_any_snapshot_says_what_to_do(tmp_path: Path) -> None:
    result = run_checks_alone(Home(tmp_path / "home"), [])
    assert not result.success
    assert "there is not a snapshot to check yet; materialize one first" in reasons_of(result)


def test_rates_that_do_not_add_up_are_a_warning_with_their_count(copied_home: Home) -> None:
    break_stored(
        copied_home,
        "update validated.profiles set avg_engagement_rate = avg_engagement_rate + 0.01 "
        "where snapshot = '2024-04-01' and source_row > 100",
    )
    checks = AssetSelection.checks_for_assets(AssetKey(["validated", "profiles"]))
    result = run_checks_alone(copied_home, ["2024-04-01"], checks=checks)
    assert result.success
    (warned,) = [one for one in result.get_asset_check_evaluations() if one.check_name == "rates_add_up"]
    assert not warned.passed
    assert warned.severity.value == "WARN"
    assert warned.metadata["rows"].value == 20


def test_a_missing_key_is_a_broken_rule() -> None:
    import pyarrow as pa

    table = pa.table({"study": ["a"], "statistic": [None], "value": [1.0], "note": [""]})
    frame = nw.from_native(table.set_column(1, "statistic", pa.array([None], pa.string()))).lazy()
    assert broken_rules(frame, asset_key("clusters.fits", "any")) == {"statistic: missing": 1}


def test_materialize_alone_needs_no_other_asset(copied_home: Home) -> None:
    """Clicking one asset in the UI runs it and its checks alone, on what the warehouse holds."""
    result = copied_home.refresh("2024-03-01", selection=[AssetKey(["features", "statistics"])])
    assert result.success
    assert materialized(result) == {"features/statistics"}


def test_the_columns_of_rows_per_identify_a_row(refreshed_home: Home) -> None:
    keys = refreshed_home.sql(
        "select schema_name || '.' || table_name, rows_per from meta.tables where rows_per <> []", published=True
    )
    for name, columns in keys:
        distinct = f"(select count(*) from (select distinct {', '.join(columns)} from {name}))"
        assert refreshed_home.sql(f"select count(*) - {distinct} from {name}", published=True) == [(0,)], name
    assert len(keys) >= 20
