"""The partitions (Dagster concept: dynamic partitions): one for each snapshot, which is a delivery of scrapes.

A creator is never a partition.
"""

from __future__ import annotations

from collections.abc import Sequence

from dagster import DagsterInstance, DynamicPartitionsDefinition

_NAME = "snapshots"

SNAPSHOTS = DynamicPartitionsDefinition(name=_NAME)


def known_snapshots(instance: DagsterInstance) -> list[str]:
    """Return the snapshots that Dagster knows, oldest first."""
    return sorted(insertion_order(instance))


def insertion_order(instance: DagsterInstance) -> list[str]:
    """Return the snapshots in the order in which they became known, which is Dagster's own order of a range."""
    return list(instance.get_dynamic_partitions(_NAME))


def add_snapshots(instance: DagsterInstance, keys: Sequence[str]) -> None:
    """Make snapshots known to Dagster; known ones stay."""
    instance.add_dynamic_partitions(_NAME, list(keys))


def delete_snapshot(instance: DagsterInstance, key: str) -> None:
    """Make Dagster forget a snapshot."""
    instance.delete_dynamic_partition(_NAME, key)
