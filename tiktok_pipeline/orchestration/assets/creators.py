"""The assets of stage ``creators`` that all studies share: identities, growth, and the comparison in one row."""

from collections.abc import Iterator
from typing import Any

from dagster import AssetExecutionContext, AssetsDefinition, Output, ResourceParam, multi_asset

from tiktok_pipeline.analysis.creator_tables import compare_creators, departures, growth, identities
from tiktok_pipeline.orchestration.metadata import Frame, numbers, table_in, table_out
from tiktok_pipeline.orchestration.partitions import SNAPSHOTS
from tiktok_pipeline.warehouse.base import Warehouse


def creators_assets() -> list[AssetsDefinition]:
    """Return the assets of stage ``creators`` that all studies share."""
    return [_identities_asset(), _growth_asset()]


def _identities_asset() -> AssetsDefinition:
    @multi_asset(
        name="creators_identities",
        ins={source: table_in(f"validated.{source}") for source in ("profiles", "creator_activity")},
        outs={"identities": table_out("creators.identities"), "departures": table_out("creators.departures")},
        partitions_def=SNAPSHOTS,
        group_name="creators",
    )
    def creators_identities(
        context: AssetExecutionContext, warehouse: ResourceParam[Warehouse], profiles: Frame, creator_activity: Frame
    ) -> Iterator[Output[Any]]:
        snapshot = context.partition_key
        found = identities(warehouse, snapshot, profiles, creator_activity)
        yield Output(found, "identities")
        yield Output(departures(warehouse, snapshot, found), "departures")
        warehouse.unpersist_all()

    return creators_identities


def _growth_asset() -> AssetsDefinition:
    @multi_asset(
        name="creators_growth",
        ins={"known": table_in("creators.identities"), "profiles": table_in("validated.profiles")},
        outs={"growth": table_out("creators.growth"), "comparisons": table_out("creators.comparisons")},
        partitions_def=SNAPSHOTS,
        group_name="creators",
    )
    def creators_growth(
        context: AssetExecutionContext, warehouse: ResourceParam[Warehouse], known: Frame, profiles: Frame
    ) -> Iterator[Output[Any]]:
        snapshot = context.partition_key
        yield Output(growth(warehouse, snapshot, known, profiles), "growth")
        warehouse.unpersist_all()
        compared = compare_creators(warehouse, snapshot, known, profiles)
        (row,) = compared.to_dict("records")
        counts = numbers(**{name: row[name] for name in ("in_both", "arrivals", "departures", "returned", "renamed")})
        told = {"previous_snapshot": row["previous_snapshot"] or "none", "why_empty": row["note"] or ""}
        yield Output(compared, "comparisons", metadata={**counts, **told})

    return creators_growth
