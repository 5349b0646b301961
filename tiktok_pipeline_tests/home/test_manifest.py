"""The manifest: what was changed since it was written is an error, not another truth."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from tiktok_pipeline.home.manifest import (
    MANIFEST,
    ManifestError,
    StoredFile,
    compute_delivery_id,
    files_in_use,
    finish_interrupted_store,
    leave_out,
    read_manifest,
    store_files,
    take_in_again,
    write_manifest,
)

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


class Killed(BaseException):
    """What a kill is in a test: from then on, no call works."""


def entry_of(name: str, content: bytes) -> StoredFile:
    return replace(FILE, file=name, stored_sha256=hashlib.sha256(content).hexdigest(), bytes=len(content))


@pytest.mark.parametrize("step", range(1, 8))
def test_a_killed_store_is_undone_or_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    folder, calls = tmp_path / "2024-03-01", 0
    (tmp_path / "a").write_bytes(b"old")
    store_files(folder, {"old.csv": tmp_path / "a"}, [entry_of("old.csv", b"old")])
    (tmp_path / "b").write_bytes(b"new")

    def killed_at_the_step(call: Callable[..., None]) -> Callable[..., None]:
        def counted(*arguments: object, **more: object) -> None:
            nonlocal calls
            calls += 1
            if calls >= step:
                raise Killed
            call(*arguments, **more)

        return counted

    with monkeypatch.context() as patch:
        for name in ("replace", "rename", "unlink"):
            patch.setattr(os, name, killed_at_the_step(getattr(os, name)))
        with suppress(Killed):
            store_files(folder, {"new.csv": tmp_path / "b"}, [entry_of("new.csv", b"new")])
    finish_interrupted_store(folder)
    (entry,) = read_manifest(folder)
    assert {path.name for path in folder.iterdir()} == {MANIFEST, entry.file}
    assert hashlib.sha256((folder / entry.file).read_bytes()).hexdigest() == entry.stored_sha256


def test_a_store_that_fails_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "2024-03-01"
    (tmp_path / "a").write_bytes(b"old")
    store_files(folder, {"old.csv": tmp_path / "a"}, [entry_of("old.csv", b"old")])

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tiktok_pipeline.home.manifest.write_manifest", full)
    with pytest.raises(OSError, match="No space"):
        store_files(folder, {}, [])
    assert {path.name for path in folder.iterdir()} == {MANIFEST, "old.csv"}


def test_a_file_that_is_left_out_does_not_count_until_it_is_taken_in_again(tmp_path: Path) -> None:
    good, bad = replace(FILE, file="good.csv"), replace(FILE, file="bad.csv", delivered_sha256="b")
    write_manifest(tmp_path, [bad, good])
    both = read_manifest(tmp_path)
    leave_out(tmp_path, {"bad.csv": "90 of its 90 rows are rejected"})
    left_out = read_manifest(tmp_path)
    assert files_in_use(left_out) == [good]
    assert [entry.left_out_because for entry in left_out] == ["90 of its 90 rows are rejected", ""]
    ids = {compute_delivery_id(manifest) for manifest in (both, left_out, [good], [bad])}
    assert len(ids) == 4
    take_in_again(tmp_path)
    assert read_manifest(tmp_path) == both


def test_the_only_file_of_a_snapshot_is_used_whatever_it_is(tmp_path: Path) -> None:
    write_manifest(tmp_path, [FILE])
    before = compute_delivery_id(read_manifest(tmp_path))
    leave_out(tmp_path, {FILE.file: "most of its rows are rejected"})
    manifest = read_manifest(tmp_path)
    assert files_in_use(manifest) == manifest
    assert compute_delivery_id(manifest) == before
