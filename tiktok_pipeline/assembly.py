"""Puts the program together: the warehouse and the engine of a home, and the `Definitions` that Dagster loads.

Nothing is built at import, and the environment is not read: `tiktok_pipeline.definitions` does both.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator

from dagster import Definitions, JobDefinition, LoggerDefinition, in_process_executor

import tiktok_pipeline.studies
from tiktok_pipeline.ingest.snapshot_rows import external_slice_reader
from tiktok_pipeline.orchestration.assets.creators import creators_assets
from tiktok_pipeline.orchestration.assets.features import features_assets
from tiktok_pipeline.orchestration.assets.incoming import incoming_asset
from tiktok_pipeline.orchestration.assets.peers import peer_assets
from tiktok_pipeline.orchestration.assets.published import published_asset
from tiktok_pipeline.orchestration.assets.raw import raw_assets
from tiktok_pipeline.orchestration.assets.report import report_asset
from tiktok_pipeline.orchestration.assets.study import study_assets
from tiktok_pipeline.orchestration.assets.validated import validated_assets
from tiktok_pipeline.orchestration.automation.jobs import job_definitions
from tiktok_pipeline.orchestration.automation.outdated import outdated_sensor
from tiktok_pipeline.orchestration.automation.sensors import sensors
from tiktok_pipeline.orchestration.checks.contract import contract_check
from tiktok_pipeline.orchestration.checks.drift import drift_check
from tiktok_pipeline.orchestration.checks.freshness import freshness_check
from tiktok_pipeline.orchestration.checks.incoming import incoming_check
from tiktok_pipeline.orchestration.checks.rows import row_checks
from tiktok_pipeline.orchestration.checks.study import study_checks
from tiktok_pipeline.orchestration.resources.figures import figures_resource
from tiktok_pipeline.orchestration.resources.io_manager import io_manager
from tiktok_pipeline.orchestration.resources.samples import samples_resource
from tiktok_pipeline.orchestration.resources.warehouse import warehouse_resource
from tiktok_pipeline.orchestration.runs.refresh import REFRESH_JOB, STEP_LOGGER
from tiktok_pipeline.settings import Settings
from tiktok_pipeline.study import Study, load_studies, with_continuity
from tiktok_pipeline.warehouse.base import Warehouse
from tiktok_pipeline.warehouse.duckdb.connection import published_delivery_ids
from tiktok_pipeline.warehouse.duckdb.warehouse import DuckDBWarehouse


def open_warehouse(settings: Settings) -> Warehouse:
    """Return the warehouse of a home; its file and its engine are opened at first use."""
    reader = external_slice_reader(settings.raw)
    storage = DuckDBWarehouse(
        settings.warehouse_file,
        lock_timeout_seconds=settings.lock_timeout_seconds,
        memory_limit=settings.memory_limit,
        threads=settings.threads,
        external_slice_reader=reader,
    )
    if settings.engine == "duckdb":
        return storage
    from tiktok_pipeline.warehouse.spark.warehouse import SparkWarehouse  # noqa: PLC0415

    return SparkWarehouse(settings.engine, storage, settings.warehouse_file, external_slice_reader=reader)


def open_engine(settings: Settings) -> Warehouse:
    """Return an engine that reads files and stores nothing: DuckDB, which takes the files in for every engine."""
    return DuckDBWarehouse(None, memory_limit=settings.memory_limit, threads=settings.threads)


def build_definitions(
    settings: Settings, studies: tuple[Study, ...] | None = None, logger: LoggerDefinition | None = None
) -> Definitions:
    """Return the Dagster definitions of one home.

    Parameters
    ----------
    settings : Settings
        The home.
    studies : tuple of Study, optional
        By default those of `tiktok_pipeline.studies`, with the continuity of the settings.
    logger : LoggerDefinition, optional
        The logger ``steps``, see `tiktok_pipeline.orchestration.runs.refresh.step_logger`.
    """
    if studies is None:
        studies = with_continuity(load_studies(tiktok_pipeline.studies), settings.continuity)
    tables = [
        raw_assets(settings),
        validated_assets(settings),
        *features_assets(settings),
        *creators_assets(),
        *(asset for study in studies for asset in study_assets(study, processes=settings.processes)),
        *peer_assets(studies),
    ]
    keys = [key for asset in tables for key in sorted(asset.keys)]
    definitions = Definitions(
        assets=[
            incoming_asset(settings, lambda: open_engine(settings)),
            *tables,
            published_asset(settings, studies, keys),
            report_asset(settings, studies, keys),
        ],
        asset_checks=[
            *(contract_check(key) for key in keys),
            *row_checks(),
            drift_check(),
            *(check for study in studies for check in study_checks(study)),
            incoming_check(settings),
            freshness_check(settings),
        ],
        sensors=[
            *sensors(settings, lambda: published_delivery_ids(settings.published_file)),
            outdated_sensor(
                settings,
                studies,
                lambda: open_warehouse(settings),
                lambda group: {
                    key for asset in tables for key in asset.keys if asset.group_names_by_key[key] == group
                },
            ),
        ],
        resources={
            "warehouse": warehouse_resource(settings, lambda: open_warehouse(settings)),
            "figures": figures_resource(settings.reports, is_enabled=settings.pictures, processes=settings.processes),
            "samples": samples_resource(),
            "io_manager": io_manager(settings, studies),
        },
        executor=in_process_executor,
        loggers={STEP_LOGGER: logger} if logger else None,
    )
    return Definitions.merge(definitions, job_definitions(studies))


@contextlib.contextmanager
def jobs_resolved_quietly() -> Iterator[None]:
    """Suppress Dagster's warning about jobs whose assets have different backfill policies, which is intended.

    One run publishes many snapshots; every other asset is materialized in one run for each snapshot.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Asset job .* varying BackfillPolicies")
        yield


def refresh_job(definitions: Definitions) -> JobDefinition:
    """Return the job that refreshes a snapshot."""
    with jobs_resolved_quietly():
        return definitions.resolve_job_def(REFRESH_JOB)
