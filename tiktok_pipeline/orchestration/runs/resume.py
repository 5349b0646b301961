"""Which snapshots were delivered and never came through to the published copy, and what of one is left to do."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC

from dagster import AssetCheckKey, AssetKey, AssetSelection, DagsterInstance, Definitions

from tiktok_pipeline.home.manifest import compute_delivery_id, read_manifest, snapshots_on_disk
from tiktok_pipeline.settings import Settings
from tiktok_pipeline.tables import TABLES
from tiktok_pipeline.warehouse.base import StoredSlice


def pending_snapshots(settings: Settings, origins: Mapping[str, str]) -> list[str]:
    """The snapshots on disk whose published rows stem from another delivery than the manifest, or that have none.

    ``origins`` gives the delivery from which each published snapshot was made.
    """
    return [
        key
        for key in snapshots_on_disk(settings.raw)
        if origins.get(key) != compute_delivery_id(read_manifest(settings.raw / key))
    ]


def finished_assets(
    instance: DagsterInstance, key: str, delivery: str, slices: Sequence[StoredSlice]
) -> set[AssetKey]:
    """The tables of a snapshot that were made from ``delivery`` and passed their contract since.

    A table that was written last, and whose check a killed run did not come to, is not among them.
    """
    written = {
        AssetKey([*one.table.split(".")[:1], *([one.study] if one.study else []), one.table.split(".")[1]]): one
        for one in slices
        if one.snapshot == key and one.delivery_id == delivery and one.table in TABLES
    }
    checks = {AssetCheckKey(asset, "contract"): one for asset, one in written.items()}
    records = instance.event_log_storage.get_latest_asset_check_execution_by_key(list(checks))
    found = set()
    for check, record in records.items():
        run = instance.get_run_by_id(record.run_id)
        since = checks[check].written_at.replace(tzinfo=UTC).timestamp()
        is_ours = run is not None and run.tags.get("tiktok_pipeline/snapshot") == key
        # The record's own stamp has no fractions of a second.
        passed_at = record.event.timestamp if record.event and record.status.value == "SUCCEEDED" else 0.0
        if is_ours and passed_at >= since:
            found.add(check.asset_key)
    return found


def left_to_do(
    definitions: Definitions, wanted: Sequence[AssetKey], finished: Collection[AssetKey]
) -> list[AssetKey]:
    """Of the ``wanted`` assets those that are not ``finished``, and all that is made from them."""
    graph = definitions.resolve_asset_graph()
    todo = set(wanted) - set(finished)
    while todo:
        more = AssetSelection.assets(*todo).downstream().required_multi_asset_neighbors().resolve(graph)
        if more & set(wanted) <= todo:
            break
        todo |= more & set(wanted)
    return sorted(todo)
