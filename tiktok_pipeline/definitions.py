"""What Dagster loads: `defs`, built from the settings of the environment. The one place where everything is put together."""

from __future__ import annotations

from dagster import (
    AssetSelection,
    Definitions,
    LoggerDefinition,
    define_asset_job,
    in_process_executor,
)

import tiktok_pipeline.studies
from tiktok_pipeline.orchestration.asset_checks import contract_check, rates_check, study_checks
from tiktok_pipeline.orchestration.io_manager import io_manager, warehouse_resource
from tiktok_pipeline.orchestration.pictures import pictures_resource
from tiktok_pipeline.orchestration.refresh import REFRESH_JOB, STEP_LOGGER
from tiktok_pipeline.orchestration.report_asset import report_asset
from tiktok_pipeline.orchestration.shared_assets import (
    features_assets,
    published_asset,
    raw_assets,
    validated_assets,
)
from tiktok_pipeline.orchestration.study_assets import study_assets
from tiktok_pipeline.settings import Settings
from tiktok_pipeline.study import Study, load_studies
from tiktok_pipeline.warehouse.base import Warehouse
from tiktok_pipeline.warehouse.duckdb import DuckDBWarehouse


def open_warehouse(settings: Settings) -> Warehouse:
    """The warehouse of a home; its file is opened at first use."""
    return DuckDBWarehouse(
        settings.warehouse_file,
        lock_timeout_seconds=settings.lock_timeout_seconds,
        memory_limit=settings.memory_limit,
        threads=settings.threads,
    )


def build_definitions(
    settings: Settings, studies: tuple[Study, ...] | None = None, logger: LoggerDefinition | None = None
) -> Definitions:
    """Everything that Dagster needs for one home; ``studies`` are those of the package unless given."""
    if studies is None:
        studies = load_studies(tiktok_pipeline.studies)
    tables = [raw_assets(settings), validated_assets(), *features_assets()]
    tables += [one for study in studies for one in study_assets(study)]
    keys = [key for one in tables for key in sorted(one.keys)]
    return Definitions(
        assets=[*tables, published_asset(settings, studies, keys), report_asset(settings, studies, keys)],
        asset_checks=[
            *(contract_check(key) for key in keys),
            rates_check(),
            *(check for study in studies for check in study_checks(study)),
        ],
        jobs=[define_asset_job(REFRESH_JOB, AssetSelection.all())],
        resources={
            "warehouse": warehouse_resource(settings, lambda: open_warehouse(settings)),
            "pictures": pictures_resource(settings.reports, are_drawn=settings.pictures),
            "io_manager": io_manager(),
        },
        executor=in_process_executor,
        loggers={STEP_LOGGER: logger} if logger else None,
    )


defs = build_definitions(Settings.from_env())
