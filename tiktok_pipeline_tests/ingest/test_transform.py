"""A file with videos on its way in: items become two stored files, and the newest video gives the snapshot."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from tiktok_pipeline.home.manifest import read_manifest
from tiktok_pipeline.ingest.inbox import ingest_config
from tiktok_pipeline.ingest.inspection import inspect_file
from tiktok_pipeline.ingest.options import IngestOptions
from tiktok_pipeline.ingest.register import register
from tiktok_pipeline.settings import Settings
from tiktok_pipeline.warehouse.duckdb.warehouse import DuckDBWarehouse

SECOND = int(datetime(2024, 5, 1, 12, tzinfo=UTC).timestamp())


def apify_items() -> list[dict[str, Any]]:
    """Return two items of each of three invented authors, a day apart."""
    return [
        {
            "id": str((SECOND - 86_400 * number << 32) + number),
            "diggCount": 10,
            "commentCount": 2,
            "authorMeta": {"name": f"author{number % 3}", "fans": 100, "heart": 50, "video": 5},
        }
        for number in range(6)
    ]


def video_list() -> dict[str, Any]:
    """Return a page of the Research API's video list."""
    videos = [
        {"id": (SECOND << 32) + number, "username": "ann", "create_time": SECOND, "view_count": 9}
        for number in range(3)
    ]
    return {"data": {"videos": videos, "cursor": 3, "has_more": False}, "error": {"code": "ok"}}


@pytest.mark.parametrize(
    ("document", "rows"), [(apify_items(), {"profiles": 3, "videos": 6}), (video_list(), {"videos": 3})]
)
def test_videos_are_stored_under_the_day_of_the_newest(tmp_path: Path, document: Any, rows: dict[str, int]) -> None:
    path = tmp_path / "delivered.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    settings = Settings(home=tmp_path / "home")
    with DuckDBWarehouse(None) as engine:
        config = ingest_config(settings, engine)
        inspected = inspect_file(path, tmp_path / "copies", config, IngestOptions(), today=date(2024, 6, 1))
        (snapshot,) = {file.snapshot for file in register([path], config)}
    assert snapshot == "2024-05-01"
    assert {table.recognition.source.name: table.rows for table in inspected if table.recognition} == rows
    assert [key.key for table in inspected for key in table.keys] == [snapshot] * len(rows)
    assert all(table.first_rows and not table.errors for table in inspected)
    manifest = read_manifest(settings.raw / snapshot)
    assert {entry.source: entry.rows for entry in manifest} == rows
    assert len({entry.file for entry in manifest}) == len(rows)
    assert any("newest video" in note for entry in manifest for note in entry.notes)
