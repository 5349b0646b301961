"""What an interrupted refresh left to do: the unfinished assets of a snapshot."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import UTC

from dagster import (
    AssetCheckEvaluation,
    AssetKey,
    AssetSelection,
    DagsterEventType,
    DagsterInstance,
    Definitions,
    RunsFilter,
)

from tiktok_pipeline.orchestration.asset_keys import asset_key
from tiktok_pipeline.orchestration.checks.contract import CONTRACT
from tiktok_pipeline.orchestration.runs.tags import SNAPSHOT_TAG
from tiktok_pipeline.tables import TABLES
from tiktok_pipeline.warehouse.base import StoredSlice


def finished_assets(
    instance: DagsterInstance, snapshot: str, delivery_id: str, slices: Sequence[StoredSlice]
) -> set[AssetKey]:
    """Return the tables of a snapshot that need not be computed again.

    A table is finished if its slice was computed from the delivery, and its contract check passed after that.
    A killed run may have written a table and not checked it.

    Parameters
    ----------
    instance : DagsterInstance
        Dagster's storage of the home, with the evaluations of earlier runs.
    snapshot, delivery_id : str
        The snapshot and the delivery that it has now.
    slices : sequence of StoredSlice
        All slices of the warehouse.
    """
    written = {
        asset_key(slice_.table, slice_.study or None): slice_.written_at.replace(tzinfo=UTC).timestamp()
        for slice_ in slices
        if slice_.snapshot == snapshot and slice_.delivery_id == delivery_id and slice_.table in TABLES
    }
    latest: dict[AssetKey, tuple[float, bool]] = {}
    for evaluated_at, evaluation in _contract_evaluations(instance, snapshot):
        result = (evaluated_at, evaluation.passed)
        latest[evaluation.asset_key] = max(result, latest.get(evaluation.asset_key, result))
    never = (0.0, False)
    return {
        key
        for key, written_at in written.items()
        if latest.get(key, never)[1] and latest.get(key, never)[0] >= written_at
    }


def _contract_evaluations(instance: DagsterInstance, snapshot: str) -> Iterator[tuple[float, AssetCheckEvaluation]]:
    """Yield time and result of each contract check in the runs of a snapshot, with a partition or without."""
    for record in instance.get_run_records(RunsFilter(tags={SNAPSHOT_TAG: snapshot})):
        run_id = record.dagster_run.run_id
        for entry in instance.all_logs(run_id, of_type=DagsterEventType.ASSET_CHECK_EVALUATION):
            if entry.dagster_event is None:
                continue
            evaluation = entry.dagster_event.asset_check_evaluation_data
            if evaluation.check_name == CONTRACT:
                yield entry.timestamp, evaluation


def left_to_do(
    definitions: Definitions, wanted: Sequence[AssetKey], finished: Collection[AssetKey]
) -> list[AssetKey]:
    """Return the ``wanted`` assets that are not ``finished``, and the wanted assets computed from those."""
    graph = definitions.resolve_asset_graph()
    todo = set(wanted) - set(finished)
    while todo:
        more = AssetSelection.assets(*todo).downstream().required_multi_asset_neighbors().resolve(graph)
        if more & set(wanted) <= todo:
            break
        todo |= more & set(wanted)
    return sorted(todo)
