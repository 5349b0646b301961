"""The `Definitions` that Dagster loads, built from the settings of the environment by `tiktok_pipeline.assembly`."""

from __future__ import annotations

from tiktok_pipeline.assembly import build_definitions, jobs_resolved_quietly
from tiktok_pipeline.settings import Settings

defs = build_definitions(Settings.from_env())

with jobs_resolved_quietly():
    defs.get_repository_def().get_all_jobs()  # else Dagster resolves the jobs later, and warns
