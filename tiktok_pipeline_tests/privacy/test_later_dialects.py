"""A later scrape in any dialect does not bring a forgotten creator back, and leaves the others as they are."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tiktok_pipeline.home.manifest import read_manifest
from tiktok_pipeline.ingest.inbox import ingest_config
from tiktok_pipeline.ingest.options import IngestOptions
from tiktok_pipeline.ingest.register import register
from tiktok_pipeline.privacy.scrub import files_with_names
from tiktok_pipeline.privacy.suppression import SuppressionList, write_suppression_list
from tiktok_pipeline.raw.read import read_stored_file
from tiktok_pipeline.settings import Settings
from tiktok_pipeline.warehouse.duckdb.warehouse import DuckDBWarehouse

FORGOTTEN, NUMBER, DAY = "some.body_1", "6999999999999999999", "2024-03-01"
HANDLES = ("anna", FORGOTTEN.upper(), "carl")
NUMBERS = ("6790000000000000001", NUMBER, "6790000000000000003")
Rows = list[dict[str, Any]]
Names = tuple[str, ...]


def tiktok_api(handles: Names, numbers: Names) -> Rows:
    counts = {"followerCount": 10, "followingCount": 20, "heartCount": 30, "videoCount": 4}
    return [
        {"user": {"uniqueId": handle, "id": number, "signature": f"not {FORGOTTEN}"}, "stats": counts}
        for handle, number in zip(handles, numbers, strict=True)
    ]


def apify_items(handles: Names, numbers: Names) -> Rows:
    return [
        {
            "id": str((1_700_000_000 << 32) + place),
            "text": f"with @{FORGOTTEN}",
            "diggCount": 5,
            "commentCount": 1,
            "authorMeta": {"name": handle, "id": number, "fans": 100},
        }
        for place, (handle, number) in enumerate(zip(handles, numbers, strict=True))
    ]


def vendor_export(handles: Names, numbers: Names) -> Rows:
    counts = {"followers": 10, "following": 20, "likes": 30, "videos_count": 4, "predicted_lang": "de"}
    return [
        {"account_id": handle, "id": number, "biography": f"ask {FORGOTTEN}", **counts}
        for handle, number in zip(handles, numbers, strict=True)
    ]


def write_json(path: Path, rows: Rows) -> Path:
    path.write_text(json.dumps(rows), encoding="utf-8")
    return path


def write_parquet(path: Path, rows: Rows) -> Path:
    pq.write_table(pa.Table.from_pylist(rows), path)
    return path


LATER: dict[str, tuple[Callable[[Names, Names], Rows], Callable[[Path, Rows], Path], list[str]]] = {
    "tiktok_api": (tiktok_api, write_json, ["profiles"]),
    "apify_items": (apify_items, write_json, ["profiles", "videos"]),
    "vendor_export": (vendor_export, write_parquet, ["profiles"]),
}


@pytest.mark.parametrize(
    ("handles", "numbers"),
    [
        (HANDLES, ("", "", "")),
        (("anna", "new_name", "carl"), NUMBERS),
    ],
    ids=["by the handle", "by the number"],
)
@pytest.mark.parametrize("dialect", LATER)
def test_a_later_scrape_of_another_dialect_does_not_bring_a_forgotten_creator_back(
    tmp_path: Path, engine: DuckDBWarehouse, dialect: str, handles: Names, numbers: Names
) -> None:
    rows_of, write, sources = LATER[dialect]
    settings = Settings(home=tmp_path / "home")
    settings.home.mkdir()
    write_suppression_list(settings.forgotten_file, SuppressionList("00").with_names([FORGOTTEN, NUMBER]))
    suffix = "parquet" if write is write_parquet else "json"
    delivered = write(tmp_path / f"later.{suffix}", rows_of(handles, numbers))
    register([delivered], ingest_config(settings, engine), IngestOptions(snapshot=DAY))
    entries = read_manifest(settings.raw / DAY)
    assert sorted(entry.source for entry in entries) == sources
    assert {entry.dialect for entry in entries} == {dialect}
    assert {entry.forgotten_rows for entry in entries} == {(2,)}
    assert files_with_names(settings, [FORGOTTEN, NUMBER, "new_name"]) == []
    for entry in entries:
        rows = read_stored_file(
            settings.raw / DAY / entry.file,
            dialect=entry.dialect,
            source=entry.source,
            columns=entry.columns,
            engine=engine,
            forgotten=entry.forgotten_rows,
        )
        table = rows.sort("source_row").collect("pyarrow").to_native()
        assert table["account_id"].to_pylist() == ["anna", None, "carl"]
