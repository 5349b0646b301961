"""The assets of stage ``validated``: valid rows of each source, and all rejected rows."""

from collections.abc import Iterator
from typing import Any

import narwhals as nw
import pandas as pd
from dagster import (
    AssetExecutionContext,
    AssetsDefinition,
    Output,
    multi_asset,
)

from tiktok_pipeline.orchestration.assets.published import Frame
from tiktok_pipeline.orchestration.metadata import table_in, table_out
from tiktok_pipeline.orchestration.partitions import SNAPSHOTS
from tiktok_pipeline.raw.schema import SOURCES, Source
from tiktok_pipeline.validated.schema import REJECTED_TABLE, TABLES
from tiktok_pipeline.validated.validate import check_balance, validate_source, without_quoted_cells
from tiktok_pipeline.warehouse.base import Warehouse


def validated_assets() -> AssetsDefinition:
    """Good rows of each source and all rejected rows; the balance of rows is held before anything is replaced."""

    @multi_asset(
        name="validated",
        ins={one.name: table_in(f"raw.{one.name}") for one in SOURCES},
        outs={
            "rejected": table_out("validated.rejected"),
            **{f"good_{one.name}": table_out(f"validated.{one.name}", is_required=False) for one in SOURCES},
        },
        partitions_def=SNAPSHOTS,
        group_name="validated",
        required_resource_keys={"warehouse"},
    )
    def validated(context: AssetExecutionContext, **raw: Frame) -> Iterator[Output[Any]]:
        warehouse: Warehouse = context.resources.warehouse
        there = [source for source in SOURCES if _count(raw[source.name])]
        judged = {source.name: validate_source(raw[source.name], source, warehouse) for source in there}
        rejected = [one.rejected for one in judged.values()]
        empty = pd.DataFrame(columns=REJECTED_TABLE.frame_names)
        all_rejected = warehouse.persist(nw.concat(rejected, how="vertical")) if rejected else empty
        yield Output(all_rejected, "rejected")
        for source in there:
            one = judged[source.name]
            counts = {
                "raw": _count(raw[source.name]),
                "validated": _count(one.valid),
                "rejected": _count(one.rejected),
            }
            check_balance(counts, snapshot=context.partition_key, source=source.name, worst=_reasons(one.rejected))
        for source in SOURCES:
            good = judged[source.name].valid if source.name in judged else _no_rows(source)
            yield Output(good, f"good_{source.name}")
        warehouse.unpersist_all()

    return validated


def _no_rows(source: Source) -> pd.DataFrame:
    return pd.DataFrame(columns=TABLES[source.name].frame_names)


def _count(frame: Frame) -> int:
    return int(frame.select(nw.len().alias("rows")).collect("pyarrow").item(0, "rows"))


def _reasons(rejected: Frame) -> dict[str, int]:
    """How many rejected rows have which first reason, the most frequent first; the cells they quote are left out."""
    reason = without_quoted_cells(nw.col("reasons").list.get(0)).str.slice(0, 120)
    found = rejected.select(reason.alias("reason")).group_by("reason").agg(nw.len().alias("rows"))
    top = found.sort("rows", "reason", descending=[True, False]).head(3).collect("pyarrow").to_native().to_pylist()
    return {row["reason"]: row["rows"] for row in top}
