"""Remove what Dagster keeps of a snapshot."""

from __future__ import annotations

from dagster import DagsterInstance, RunsFilter

from tiktok_pipeline.orchestration.partitions import delete_snapshot


def delete_snapshot_records(instance: DagsterInstance, snapshot: str) -> None:
    """Delete the runs of a snapshot and its partition."""
    for record in instance.get_run_records(RunsFilter(tags={"dagster/partition": snapshot})):
        instance.delete_run(record.dagster_run.run_id)
    delete_snapshot(instance, snapshot)
