"""Fail orphaned runs, whose process was killed: Dagster still counts them as running, and only one run may be active.

Otherwise a killed refresh would block every run that is launched from the UI.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

from dagster import DagsterEventType, DagsterInstance, DagsterRun, DagsterRunStatus, RunsFilter

_IN_PROGRESS = [DagsterRunStatus.STARTING, DagsterRunStatus.STARTED, DagsterRunStatus.CANCELING]
_START_SECONDS = 60.0
"""A run that has recorded no process after this long has none."""


def fail_orphaned_runs(instance: DagsterInstance) -> list[str]:
    """Mark the runs whose process has ended as failed, and return their ids."""
    failed = []
    for record in instance.get_run_records(RunsFilter(statuses=_IN_PROGRESS)):
        run = record.dagster_run
        if not _is_alive(instance, run, record.update_timestamp.timestamp()):
            instance.report_run_failed(run, "The process of this run is gone: it was killed, or the machine stopped.")
            failed.append(run.run_id)
    return failed


def _is_alive(instance: DagsterInstance, run: DagsterRun, updated_at: float) -> bool:
    """Return whether the process last recorded for the run is still alive."""
    processes = [
        (int(str(event.dagster_event.engine_event_data.metadata["pid"].value)), event.timestamp)
        for event in instance.all_logs(run.run_id, of_type=DagsterEventType.ENGINE_EVENT)
        if event.dagster_event and "pid" in event.dagster_event.engine_event_data.metadata
    ]
    return _is_process(*processes[-1]) if processes else abs(time.time() - updated_at) < _START_SECONDS


def _is_process(pid: int, seen_at: float) -> bool:
    """Return whether ``pid`` is still the process of ``seen_at``, not a later one with the same number."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    try:
        state, *fields = (
            Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
        )
    except OSError:  # a system without /proc
        return True
    ticks = int(fields[18])
    started_at = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME) + ticks / os.sysconf("SC_CLK_TCK")
    return state != "Z" and started_at <= seen_at + 1.0
