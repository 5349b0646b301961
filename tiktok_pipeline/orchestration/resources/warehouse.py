"""The resource ``warehouse`` (Dagster concept: resource): assets ask for it as ``ResourceParam[Warehouse]``.

It is a `ResourceDefinition` and not a `ConfigurableResource`: Dagster initializes a nested `ConfigurableResource`
once for each resource that uses it, and a run must open the warehouse once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from dagster import InitResourceContext, ResourceDefinition

from tiktok_pipeline.home.cleanup import remove_leftovers
from tiktok_pipeline.home.lock import home_lock
from tiktok_pipeline.orchestration.resources.event_log import fast_event_log
from tiktok_pipeline.orchestration.runs.tags import ENGINE_TAG, ENGINE_UI_TAG
from tiktok_pipeline.settings import Settings
from tiktok_pipeline.warehouse.base import Warehouse

OpenWarehouse = Callable[[], Warehouse]


def warehouse_resource(settings: Settings, open_warehouse: OpenWarehouse) -> ResourceDefinition:
    """Return the warehouse of a home, open from the start of a run to its end, while the run holds the home's lock.

    The database and the engine are opened at once: a run that cannot open them fails before its first step, and
    Dagster can retry it.

    Parameters
    ----------
    settings : Settings
        The home.
    open_warehouse : callable
        Return the warehouse; it is closed when the run ends.
    """

    def provide(context: InitResourceContext) -> Iterator[Warehouse]:
        log = context.log.info if context.log else (lambda _: None)
        wait_seconds = settings.home_timeout_seconds
        lock = home_lock(settings.lock_file, timeout_seconds=wait_seconds, log=log)
        with lock, fast_event_log(context.instance):
            remove_leftovers(settings)
            with open_warehouse() as warehouse:
                warehouse.slices()
                if address := warehouse.engine_address:
                    log(f"the tables are computed by the engine at {address}")
                    if context.instance and context.run:
                        tags = {ENGINE_TAG: address, ENGINE_UI_TAG: warehouse.engine_ui}
                        context.instance.add_run_tags(
                            context.run.run_id, {name: value for name, value in tags.items() if value}
                        )
                yield warehouse

    return ResourceDefinition(resource_fn=provide, description=f"The DuckDB database {settings.warehouse_file}.")
