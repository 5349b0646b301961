"""The jobs and schedules."""

from __future__ import annotations

from collections.abc import Sequence

from dagster import (
    AssetSelection,
    DefaultScheduleStatus,
    ScheduleDefinition,
    define_asset_job,
)
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from tiktok_pipeline.orchestration.assets.incoming import INCOMING
from tiktok_pipeline.orchestration.automation.conditions import PUBLISHES
from tiktok_pipeline.orchestration.runs.refresh import REFRESH_JOB
from tiktok_pipeline.study import Study

INGEST_JOB = "ingest"

SHARED_STAGES = ("raw", "validated", "features", "published")

DAILY = "30 4 * * *"


def jobs(studies: Sequence[Study]) -> list[UnresolvedAssetJobDefinition]:
    """Take in what lies in incoming; refresh a snapshot, all of it or for one study (with what all studies share)."""
    inbox = AssetSelection.assets(INCOMING)
    shared = AssetSelection.groups(*SHARED_STAGES) - inbox
    return [
        define_asset_job(INGEST_JOB, inbox, description="Register what lies in incoming/ as snapshots."),
        define_asset_job(
            REFRESH_JOB,
            AssetSelection.all() - inbox,
            description="Everything for a snapshot.",
            tags={PUBLISHES: "yes"},
        ),
        *(
            define_asset_job(
                f"{REFRESH_JOB}_{study.name}",
                shared | AssetSelection.groups(study.name),
                description=f"A snapshot for one study: {study.question}",
                tags={PUBLISHES: "yes"},
            )
            for study in studies
        ),
    ]


def schedules() -> list[ScheduleDefinition]:
    """Once a day, off by default: instead of the sensor ``new_scrapes``, or beside it."""
    return [
        ScheduleDefinition(
            name="ingest_daily",
            job_name=INGEST_JOB,
            cron_schedule=DAILY,
            default_status=DefaultScheduleStatus.STOPPED,
            description="Takes in what lies in incoming/ every night at half past four (UTC).",
        )
    ]
