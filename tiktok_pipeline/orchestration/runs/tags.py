"""The tags of a run by which its snapshot, delivery and files are found (Dagster concept: run tag)."""

from __future__ import annotations

from collections.abc import Sequence

from tiktok_pipeline.home.manifest import StoredFile, compute_delivery_id
from tiktok_pipeline.safe_text import one_line

SNAPSHOT_TAG = "tiktok_pipeline/snapshot"
DELIVERY_TAG = "tiktok_pipeline/delivery"
FILES_TAG = "tiktok_pipeline/files"
ENGINE_TAG = "tiktok_pipeline/engine"
"""The address of the engine that computes the tables, unless it is DuckDB."""
ENGINE_UI_TAG = "tiktok_pipeline/engine_ui"
"""The address of the engine's own pages, if it has some; they last as long as the command that refreshes."""
INTERRUPTED_TAG = "tiktok_pipeline/interrupted"
"""On a run that its user stopped with Ctrl-C: it failed for Dagster, and is not a failure to log."""

_MAX_CHARACTERS = 200


def refresh_tags(snapshot: str, manifest: Sequence[StoredFile]) -> dict[str, str]:
    """Return the tags of a run that refreshes a snapshot: the snapshot, its files and the id of their delivery."""
    return {
        SNAPSHOT_TAG: snapshot,
        DELIVERY_TAG: compute_delivery_id(manifest),
        FILES_TAG: list_files([entry.file for entry in manifest]),
    }


def list_files(names: Sequence[str]) -> str:
    """Return the names of files as the value of a tag: one line, cut if it is long.

    Examples
    --------
    >>> list_files(["a.csv", "b.csv"])
    'a.csv, b.csv'
    """
    listed = ", ".join(map(one_line, names))
    return listed if len(listed) <= _MAX_CHARACTERS else f"{listed[: _MAX_CHARACTERS - 20]} ... ({len(names)} files)"
