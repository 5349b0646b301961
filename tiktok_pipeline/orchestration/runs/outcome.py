"""How a run ended, in words for the person who started it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dagster import (
    AssetCheckEvaluation,
    AssetCheckSeverity,
    DagsterEventType,
    DagsterInstance,
)

from tiktok_pipeline.home.lock import HomeLockedError
from tiktok_pipeline.ingest.disk_space import InsufficientDiskSpaceError
from tiktok_pipeline.ingest.manifest import ManifestError
from tiktok_pipeline.orchestration.assets.raw import UnknownSnapshotError
from tiktok_pipeline.orchestration.resources.io_manager import ContractError
from tiktok_pipeline.validated.validate import SnapshotRejectedError
from tiktok_pipeline.warehouse.base import UnreadableFileError, WarehouseError, WarehouseLockedError

if TYPE_CHECKING:
    from dagster_shared.error import SerializableErrorInfo


@dataclass(frozen=True)
class Failure:
    """Why a run failed: in which step, the text for the person, and whether it is one that is foreseen."""

    step: str
    why: str
    is_expected: bool = True


@dataclass(frozen=True)
class Outcome:
    """How the run of one snapshot ended: Dagster's run id, what failed, and the checks that warn."""

    run_id: str
    failure: Failure | None = None
    warnings: tuple[str, ...] = ()


def expected_errors() -> tuple[type[BaseException], ...]:
    """The errors whose text is meant for the person who asked; any other is a defect or a broken machine."""
    return (
        WarehouseError,
        WarehouseLockedError,
        UnreadableFileError,
        SnapshotRejectedError,
        UnknownSnapshotError,
        ContractError,
        HomeLockedError,
        ManifestError,
        InsufficientDiskSpaceError,
        OSError,
    )


def failure_of(instance: DagsterInstance, run_id: str) -> Failure:
    """Why a run failed, from Dagster's record of it: a broken contract, the first step that failed, or the run itself."""
    evaluations = [
        entry.dagster_event.asset_check_evaluation_data
        for entry in instance.all_logs(run_id, of_type=DagsterEventType.ASSET_CHECK_EVALUATION)
        if entry.dagster_event
    ]
    if broken := [one for one in evaluations if _stops(one)]:
        return Failure(broken[0].check_name, "; ".join(map(_told, broken)))
    names = {one.__name__ for one in expected_errors()}
    for kind in (DagsterEventType.STEP_FAILURE, DagsterEventType.RUN_FAILURE):
        for entry in instance.all_logs(run_id, of_type=kind):
            event = entry.dagster_event
            if event is None:
                continue
            error = event.step_failure_data.error if event.is_step_failure else event.job_failure_data.error
            if error is not None:
                why, is_expected = _reason(error, names)
                return Failure(event.step_key or "the start of the run", why, is_expected)
            if not event.is_step_failure and event.message:
                return Failure("the run", " ".join(event.message.split()), is_expected=False)
    return Failure("the run", "the run failed; see it in `tiktok-pipeline ui`", is_expected=False)


def _stops(check: AssetCheckEvaluation) -> bool:
    """Whether the check stopped its run; the others of that severity only tell."""
    return not check.passed and check.blocking is True and check.severity == AssetCheckSeverity.ERROR


def _shown(check: AssetCheckEvaluation) -> str:
    """What a check found, in a few words: its metadata, cut."""
    words = "; ".join(f"{name}: {value.value}" for name, value in check.metadata.items() if name in _TOLD)
    return f"({words[:300]})" if words else "does not pass"


_TOLD = ("why", "drifted", "rejected", "rows", "leaks", "newest")
"""The metadata of checks that are shown where a check is told in one line."""


def _told(check: AssetCheckEvaluation) -> str:
    table = ".".join(check.asset_key.path)
    rules = check.metadata["rows_by_broken_rule"].value if "rows_by_broken_rule" in check.metadata else {}
    listed = "; ".join(f"{rule} ({rows} rows)" for rule, rows in rules.items()) if isinstance(rules, dict) else ""
    return f"{table}: stored rows break its {check.check_name}, what comes after stays as it was: {listed}"


def _reason(error: SerializableErrorInfo, names: set[str]) -> tuple[str, bool]:
    """The text of the first foreseen error in a chain of causes, else of its root; and whether it is foreseen.

    The root alone would do for neither: a foreseen error is often raised from the engine's own, which says less.
    """
    chain = [error]
    while chain[-1].cause is not None:
        chain.append(chain[-1].cause)
    if any(one.cls_name == "DagsterExecutionInterruptedError" for one in chain):
        return "the run was stopped from outside: the service ended, or somebody stopped it", True
    foreseen = next((one for one in chain if one.cls_name in names), None)
    message = (foreseen or chain[-1]).message.strip()
    return " ".join((message.partition(": ")[2] or message).split()), foreseen is not None
