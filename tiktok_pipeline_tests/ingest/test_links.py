"""What lies in the inbox in the place of a file or a folder: links lead nowhere, and a folder stays a folder."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tiktok_pipeline.home.manifest import read_manifest, snapshots_on_disk
from tiktok_pipeline.ingest.inbox import ingest_inbox
from tiktok_pipeline.ingest.options import IngestOptions
from tiktok_pipeline.settings import Settings
from tiktok_pipeline.warehouse.duckdb.warehouse import DuckDBWarehouse

DATA = {"follower_count": 10, "following_count": 2, "likes_count": 3, "video_count": 4, "display_name": "A"}
REPLY = json.dumps({"data": DATA, "error": {"code": "ok"}})
OPTIONS = IngestOptions(snapshot="2024-03-01")
SECRET = "secret_person"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    made = Settings(home=tmp_path / "home", settle_seconds=0.1)
    made.incoming.mkdir(parents=True)
    return made


def drop(settings: Settings, name: str, text: str) -> Path:
    path = settings.incoming / name
    path.write_text(text, encoding="utf-8")
    os.utime(path, (0, 0))
    return path


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def link_to_a_secret(request: Path) -> None:
    secret = request.parents[2] / "secret.json"
    secret.write_text(json.dumps({"username": SECRET}), encoding="utf-8")
    request.symlink_to(secret)


def link_to_nothing(request: Path) -> None:
    request.symlink_to(request.parents[2] / "nothing.json")


@pytest.mark.parametrize("ending", [".request.json", ".json.request.json"])
@pytest.mark.parametrize("make", [link_to_a_secret, link_to_nothing, os.mkfifo])
def test_a_request_that_is_a_link_or_a_pipe_is_refused_and_not_read(
    settings: Settings, engine: DuckDBWarehouse, make: Callable[[Path], None], ending: str
) -> None:
    """Without the request, the reply would be read: its name is a handle."""
    drop(settings, "ann.json", REPLY)
    request = settings.incoming / f"ann{ending}"
    make(request)
    result = ingest_inbox(settings, engine, OPTIONS)
    assert result.registered == []
    reason = (
        f"{request.name}: a link or a special file; only files are ingested; copy the file itself into the folder"
    )
    assert [(file.file, file.reason) for file in result.refused] == [("ann.json", reason)]
    assert names(settings.incoming) == ["refused"]
    assert names(settings.refused) == sorted(["ann.json", "ann.json.why.txt", request.name])
    assert snapshots_on_disk(settings.raw) == []


def test_a_receipt_without_a_request_is_not_one_for_a_link(settings: Settings, engine: DuckDBWarehouse) -> None:
    drop(settings, "ann.json", REPLY)
    assert [file.outcome for file in ingest_inbox(settings, engine, OPTIONS).registered] == ["new"]
    drop(settings, "ann.json", REPLY)
    link_to_a_secret(settings.incoming / "ann.request.json")
    result = ingest_inbox(settings, engine, OPTIONS)
    assert (result.registered, [file.file for file in result.refused]) == ([], ["ann.json"])


def test_a_folder_with_the_name_of_a_request_is_none(settings: Settings, engine: DuckDBWarehouse) -> None:
    drop(settings, "ann.json", REPLY)
    (settings.incoming / "ann.request.json").mkdir()
    (registered,) = ingest_inbox(settings, engine, OPTIONS).registered
    (entry,) = read_manifest(settings.raw / registered.snapshot)
    assert "the handle is the name of the file" in entry.notes
    assert names(settings.incoming) == ["ann.request.json"]
