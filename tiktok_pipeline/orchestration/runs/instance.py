"""Prepare Dagster's own storage in a home: its settings, and the variable by which Dagster finds it."""

from __future__ import annotations

import os

from tiktok_pipeline.atomic_write import atomic_write_text
from tiktok_pipeline.home.layout import prepare_home
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


def prepare_dagster_home(settings: Settings) -> None:
    """Create the home, write ``dagster.yaml`` if it is missing or ours, and point ``DAGSTER_HOME`` to it."""
    prepare_home(settings)
    file = settings.dagster_home / "dagster.yaml"
    if not file.exists() or file.read_text(encoding="utf-8") in _BEFORE:
        atomic_write_text(file, DAGSTER_YAML)
    os.environ["DAGSTER_HOME"] = str(settings.dagster_home)
