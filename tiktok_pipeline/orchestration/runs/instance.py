"""Dagster's own storage in a home: its settings, the variable by which Dagster finds it, its records."""

from __future__ import annotations

import logging
import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

from tiktok_pipeline.atomic_write import atomic_write_text
from tiktok_pipeline.errors import PipelineError
from tiktok_pipeline.home.layout import prepare_home
from tiktok_pipeline.safe_text import one_line
from tiktok_pipeline.settings import Settings

if TYPE_CHECKING:
    from dagster import DagsterInstance

DAGSTER_YAML = """\
# Written by tiktok-pipeline. If you change this file, remove this line: the file is yours then, and stays.
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
# Steps print nothing. To capture it, each run would start four processes, which print stack traces after Ctrl-C.
compute_logs:
  module: dagster._core.storage.noop_compute_log_manager
  class: NoOpComputeLogManager
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

_OWN_LINE, _, _OWN_SETTINGS = DAGSTER_YAML.partition("\n")

_WITH_CAPTURE = re.sub(r"# Steps print .*?(?=# What sensors)", "", DAGSTER_YAML, flags=re.DOTALL)

_EARLIER_LINE = (
    "# Dagster's settings for this home, written by tiktok-pipeline where the file is missing or as it "
    "wrote it before."
)

_BEFORE = (
    _WITH_CAPTURE,
    _WITH_CAPTURE.replace(_OWN_LINE, _EARLIER_LINE),
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
"""What earlier versions wrote. Such a file is replaced; one that a person changed stays."""


def prepare_dagster_home(settings: Settings) -> None:
    """Create the home, write ``dagster.yaml`` unless a person did, and set ``DAGSTER_HOME``."""
    prepare_home(settings)
    file = settings.dagster_home / "dagster.yaml"
    if not file.exists() or file.read_text(encoding="utf-8", errors="replace") in _BEFORE:
        atomic_write_text(file, DAGSTER_YAML)
    os.environ["DAGSTER_HOME"] = str(settings.dagster_home)


def check_settings(settings: Settings) -> Literal["written by the program", "changed by a person", "damaged"]:
    """Return whether ``dagster.yaml`` is as it was written; with the program's first line it must be."""
    text = (settings.dagster_home / "dagster.yaml").read_text(encoding="utf-8", errors="replace")
    written = (DAGSTER_YAML, *_BEFORE)
    if text in written:
        return "written by the program"
    first_line, _, rest = text.partition("\n")
    is_cut = any(whole.startswith(text) for whole in written)
    return "damaged" if is_cut or first_line == _OWN_LINE or rest == _OWN_SETTINGS else "changed by a person"


class DagsterRecordsError(PipelineError):
    """Dagster's records of runs, events and partitions cannot be read or written."""

    code = "dagster_records"


@contextmanager
def open_instance(settings: Settings) -> Iterator[DagsterInstance]:
    """Open Dagster's storage of the home.

    Raises
    ------
    DagsterRecordsError
        If a record cannot be read or written inside the block.
    """
    from dagster import DagsterInstance  # noqa: PLC0415 - loads for a second
    from sqlalchemy.exc import SQLAlchemyError  # noqa: PLC0415

    # After Ctrl-C its pool logs a stack trace of the connection that it was closing.
    logging.getLogger("sqlalchemy.pool").setLevel(logging.CRITICAL)
    try:
        opened = DagsterInstance.from_config(str(settings.dagster_home))
    except (SQLAlchemyError, sqlite3.Error) as error:
        raise _records_error(settings, error) from error
    except OSError:
        raise
    except Exception as error:  # settings that were cut off raise a TypeError, among others
        file = settings.dagster_home / "dagster.yaml"
        raise DagsterRecordsError(
            f"{file}: Dagster cannot read these settings: {one_line(str(error), max_characters=200)}",
            remedy="correct the file, or delete it: the next command recreates it",
        ) from error
    try:
        with opened as instance:
            yield instance
    except (SQLAlchemyError, sqlite3.Error) as error:
        raise _records_error(settings, error) from error


def _records_error(settings: Settings, error: Exception) -> DagsterRecordsError:
    reason = one_line(str(getattr(error, "orig", None) or error))
    msg = f"{settings.dagster_home}: Dagster's records cannot be read or written: {reason}"
    return DagsterRecordsError(msg, remedy="check the free disk space; see `tiktok-pipeline doctor`")
