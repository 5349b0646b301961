"""The jobs and their schedule (Dagster concepts: asset job, schedule)."""

from __future__ import annotations

from collections.abc import Sequence

from dagster import AssetSelection, DefaultScheduleStatus, Definitions, ScheduleDefinition, define_asset_job

from tiktok_pipeline.orchestration.assets.incoming import INCOMING
from tiktok_pipeline.orchestration.automation.conditions import PUBLISHES
from tiktok_pipeline.orchestration.runs.refresh import REFRESH_JOB
from tiktok_pipeline.study import Study

INGEST_JOB = "ingest"

SHARED_GROUPS = ("raw", "validated", "features", "creators", "published")
"""The asset groups that every study needs."""

DAILY = "30 4 * * *"


def job_definitions(studies: Sequence[Study]) -> Definitions:
    """Return the jobs ``ingest``, ``refresh`` and ``refresh_<study>``, and the schedule of ``ingest``."""
    inbox = AssetSelection.assets(INCOMING)
    shared = AssetSelection.groups(*SHARED_GROUPS) - inbox
    return Definitions(
        jobs=[
            define_asset_job(INGEST_JOB, inbox, description="Registers the files in incoming/ as snapshots."),
            define_asset_job(
                REFRESH_JOB,
                AssetSelection.all() - inbox,
                description="Computes everything for one snapshot: all tables, the published file, the report.",
                tags={PUBLISHES: "yes"},
            ),
            *(
                define_asset_job(
                    f"{REFRESH_JOB}_{study.name}",
                    shared | AssetSelection.groups(study.name),
                    description=f"Computes one snapshot for the study {study.name} alone: {study.question}",
                    tags={PUBLISHES: "yes"},
                )
                for study in studies
            ),
        ],
        schedules=[
            ScheduleDefinition(
                name="ingest_daily",
                job_name=INGEST_JOB,
                cron_schedule=DAILY,
                default_status=DefaultScheduleStatus.STOPPED,
                description="Ingests the files in incoming/ every night at 04:30 UTC. Off by default: the sensor "
                "new_scrapes ingests them as they arrive.",
            )
        ],
    )
