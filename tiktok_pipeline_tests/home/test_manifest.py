"""The manifest: what was changed since it was written is an error, not another truth."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tiktok_pipeline.home.manifest import MANIFEST, ManifestError, StoredFile, read_manifest, write_manifest

FILE = StoredFile(
    file="scrape.csv",
    delivered_sha256="a1",
    stored_sha256="b2",
    bytes=10,
    rows=2,
    source="profiles",
    dialect="public_csv",
    ingested_at="2024-03-01T00:00:00",
    columns={"account_id": "handle"},
    notes=("one note",),
)


def test_every_flipped_bit_of_a_manifest_is_an_error_or_changes_nothing(tmp_path: Path) -> None:
    write_manifest(tmp_path, [FILE])
    path = tmp_path / MANIFEST
    whole = path.read_bytes()
    refused = 0
    for place in range(len(whole)):
        path.write_bytes(bytes([*whole[:place], whole[place] ^ 1, *whole[place + 1 :]]))
        try:
            assert read_manifest(tmp_path) == [FILE]
        except ManifestError:
            refused += 1
    assert refused > len(whole) * 0.8


def test_a_number_that_was_edited_is_an_error(tmp_path: Path) -> None:
    write_manifest(tmp_path, [FILE])
    path = tmp_path / MANIFEST
    path.write_text(path.read_text(encoding="utf-8").replace('"rows": 2', '"rows": 3'), encoding="utf-8")
    with pytest.raises(ManifestError, match="changed since it was written"):
        read_manifest(tmp_path)


def test_a_manifest_of_an_earlier_day_without_checksums_is_read(tmp_path: Path) -> None:
    write_manifest(tmp_path, [FILE])
    path = tmp_path / MANIFEST
    entries = [
        {name: value for name, value in entry.items() if name != "checksum"} for entry in json.loads(path.read_text())
    ]
    path.write_text(json.dumps(entries), encoding="utf-8")
    assert read_manifest(tmp_path) == [FILE]
