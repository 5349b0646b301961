"""The one partitioning of the project: a partition is a delivery of scrapes, a snapshot; never a creator."""

from __future__ import annotations

from dagster import DagsterInstance, DynamicPartitionsDefinition

SNAPSHOTS = DynamicPartitionsDefinition(name="snapshots")


def known_snapshots(instance: DagsterInstance) -> list[str]:
    """The snapshots that Dagster knows, oldest first; Dagster itself lists them in order of insertion."""
    return sorted(instance.get_dynamic_partitions("snapshots"))


def add_snapshots(instance: DagsterInstance, keys: list[str]) -> None:
    """Make snapshots known to Dagster; those that are already known stay."""
    instance.add_dynamic_partitions("snapshots", keys)
