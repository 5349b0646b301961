"""The slice of a table that a check reads."""

from typing import Any

import narwhals as nw
from dagster import (
    AssetCheckExecutionContext,
    AssetKey,
)

from tiktok_pipeline.orchestration.asset_keys import slice_of, table_of
from tiktok_pipeline.orchestration.partitions import known_snapshots
from tiktok_pipeline.warehouse.base import Warehouse


def checked_slice(context: AssetCheckExecutionContext, key: AssetKey) -> nw.LazyFrame[Any]:
    """The slice that a check looks at."""
    warehouse: Warehouse = context.resources.warehouse
    table = table_of(key)
    return warehouse.read_slice(table.spec, slice_of(table, key, snapshot_of(context)))


def snapshot_of(context: AssetCheckExecutionContext) -> str:
    """The snapshot of the run; a check that is started alone looks at the newest one."""
    run = context.op_execution_context
    if run.has_partition_key:
        return run.partition_key
    known = known_snapshots(context.instance)
    if not known:
        msg = "there is no snapshot to check yet; materialise one first"
        raise ValueError(msg)
    return known[-1]
