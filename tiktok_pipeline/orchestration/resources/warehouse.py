"""The warehouse as a Dagster resource."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from dagster import (
    InitResourceContext,
    ResourceDefinition,
)

from tiktok_pipeline.home.cleanup import remove_leftovers
from tiktok_pipeline.home.lock import home_lock
from tiktok_pipeline.orchestration.resources.event_log import fast_event_log
from tiktok_pipeline.settings import Settings
from tiktok_pipeline.warehouse.base import Warehouse

OpenWarehouse = Callable[[], Warehouse]


def warehouse_resource(settings: Settings, open_warehouse: OpenWarehouse) -> ResourceDefinition:
    """The warehouse for the time of a run, with the home's lock held and what a killed run left put away.

    It is opened at once: a run that cannot have it fails before its first step, and can be tried again as it is.
    """

    def provide(context: InitResourceContext) -> Iterator[Warehouse]:
        log = context.log.info if context.log else (lambda _: None)
        wait_seconds = settings.home_timeout_seconds
        with home_lock(settings.lock_file, timeout_seconds=wait_seconds, log=log), fast_event_log():
            remove_leftovers(settings)
            with open_warehouse() as warehouse:
                warehouse.slices()
                yield warehouse

    return ResourceDefinition(resource_fn=provide, description=f"DuckDB at {settings.warehouse_file}")
