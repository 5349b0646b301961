"""Checks of one snapshot (Dagster concept: partitioned asset check), and the rows that they read.

A failed evaluation belongs to its snapshot: the checks of other snapshots keep their results. The badge of an asset
in Dagster's UI shows the latest evaluation of any snapshot; the tab "Partitions" of a check shows all.
"""

import warnings
from collections.abc import Callable
from typing import Any

import narwhals as nw
from dagster import (
    AssetCheckExecutionContext,
    AssetCheckResult,
    AssetChecksDefinition,
    AssetKey,
    PreviewWarning,
    asset_check,
)

from tiktok_pipeline.errors import PipelineError
from tiktok_pipeline.orchestration.asset_keys import slice_of, table_of
from tiktok_pipeline.orchestration.partitions import SNAPSHOTS
from tiktok_pipeline.warehouse.base import Warehouse


class NoSnapshotError(PipelineError):
    """A check was started alone, and the home has no snapshot."""

    code = "no_snapshot"


def snapshot_check(
    **settings: Any,  # noqa: ANN401 - those of `asset_check`
) -> Callable[[Callable[..., AssetCheckResult]], AssetChecksDefinition]:
    """Decorate a check of one snapshot; takes the settings of `dagster.asset_check`."""

    def decorate(check: Callable[..., AssetCheckResult]) -> AssetChecksDefinition:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", PreviewWarning)  # partitioned checks are a preview in Dagster 1.13
            return asset_check(partitions_def=SNAPSHOTS, **settings)(check)

    return decorate


def checked_slice(context: AssetCheckExecutionContext, warehouse: Warehouse, key: AssetKey) -> nw.LazyFrame[Any]:
    """Return the stored rows of an asset in the checked snapshot."""
    table = table_of(key)
    return warehouse.read_slice(table.spec, slice_of(table, key, checked_snapshot(context, warehouse)))


def checked_snapshot(context: AssetCheckExecutionContext, warehouse: Warehouse) -> str:
    """Return the snapshot of the run, or the newest stored one if the checks were started without a partition.

    Dagster's UI cannot run the checks of one partition alone; its "Execute all" runs them without a partition.

    Raises
    ------
    NoSnapshotError
        If the warehouse holds no snapshot.
    """
    if context.has_partition_key:
        return str(context.partition_key)
    # Not the newest that Dagster knows: that may be a mistyped partition of which nothing is stored.
    stored = {slice_.snapshot for slice_ in warehouse.slices() if slice_.snapshot}
    if not stored:
        raise NoSnapshotError("there is not a snapshot to check yet", remedy="materialize one first")
    return max(stored)
