"""Makes the folders of a home, private to the person who runs the program, and Dagster's settings in it."""

from __future__ import annotations

import os

from tiktok_pipeline.settings import Settings

DAGSTER_YAML = """\
# Dagster's settings for this home, written by tiktok-pipeline where the file is missing or as it wrote it before.
# One run at a time: the tables have one writer.
telemetry:
  enabled: false
nux:
  enabled: false
concurrency:
  runs:
    max_concurrent_runs: 1
# A run that could not start (the database was held) or whose process died is tried again; bad data is not.
run_retries:
  enabled: true
  max_retries: 3
  retry_on_asset_or_op_failure: false
run_monitoring:
  enabled: true
  start_timeout_seconds: 300
  poll_interval_seconds: 30
freshness:
  enabled: true
# What sensors and schedules did is kept for so many days.
retention:
  sensor:
    purge_after_days:
      skipped: 1
      success: 30
      failure: 30
  schedule:
    purge_after_days:
      skipped: 7
      success: 90
      failure: 90
"""

_BEFORE = (
    """\
# Dagster's settings for this home. One run at a time: the tables have one writer.
telemetry:
  enabled: false
nux:
  enabled: false
concurrency:
  runs:
    max_concurrent_runs: 1
""",
)
"""What earlier versions wrote: such a file is nobody's own work and is brought up to date."""


def prepare_home(settings: Settings) -> None:
    """Make the folders of the home that are missing; what they hold is about people, so that only their owner enters."""
    for folder in (
        settings.home,
        settings.incoming,
        settings.raw,
        settings.warehouse_file.parent,
        settings.published_file.parent,
        settings.reports,
        settings.dagster_home,
    ):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)


def prepare_dagster_home(settings: Settings) -> None:
    """Make Dagster's storage of the home, with the settings of ours."""
    prepare_home(settings)
    file = settings.dagster_home / "dagster.yaml"
    if not file.exists() or file.read_text(encoding="utf-8") in _BEFORE:
        file.write_text(DAGSTER_YAML, encoding="utf-8")
    os.environ["DAGSTER_HOME"] = str(settings.dagster_home)
