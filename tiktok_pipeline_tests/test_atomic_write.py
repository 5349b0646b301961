"""A file is replaced whole or not at all, and a failed write leaves nothing behind."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tiktok_pipeline.atomic_write import atomic_write, atomic_write_text, draft_of


def test_the_new_content_replaces_the_old_and_no_draft_is_left(tmp_path: Path) -> None:
    target = tmp_path / "manifest.json"
    target.write_text("old", encoding="utf-8")
    atomic_write_text(target, "new ✓")
    assert target.read_text(encoding="utf-8") == "new ✓"
    assert [path.name for path in tmp_path.iterdir()] == ["manifest.json"]


def test_a_reader_of_the_old_file_keeps_its_content(tmp_path: Path) -> None:
    target = tmp_path / "report.html"
    target.write_text("old", encoding="utf-8")
    with target.open(encoding="utf-8") as reader:
        atomic_write_text(target, "new")
        assert reader.read() == "old"


def test_a_failed_write_keeps_the_old_file_and_removes_the_draft(tmp_path: Path) -> None:
    target = tmp_path / "table.csv"
    target.write_text("old", encoding="utf-8")

    def write_half() -> None:
        with atomic_write(target) as draft:
            draft.write_text("half", encoding="utf-8")
            msg = "broken"
            raise ValueError(msg)

    with pytest.raises(ValueError, match="broken"):
        write_half()
    assert target.read_text(encoding="utf-8") == "old"
    assert not draft_of(target).exists()


def test_a_draft_that_a_killed_process_left_is_not_appended_to(tmp_path: Path) -> None:
    target = tmp_path / "notes.txt"
    draft_of(target).write_text("left by a killed process", encoding="utf-8")
    with atomic_write(target) as draft:
        assert not draft.exists()
        draft.write_text("new", encoding="utf-8")
    assert target.read_text(encoding="utf-8") == "new"


def test_the_content_is_on_the_disk_before_the_name_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    sync, replace = os.fsync, os.replace

    def recorded_sync(descriptor: int) -> None:
        calls.append("fsync")
        sync(descriptor)

    def recorded_replace(source: Path, target: Path) -> None:
        calls.append("replace")
        replace(source, target)

    monkeypatch.setattr(os, "fsync", recorded_sync)
    monkeypatch.setattr(os, "replace", recorded_replace)
    atomic_write_text(tmp_path / "a.txt", "text")
    assert calls == ["fsync", "replace", "fsync"]


def test_the_new_file_has_the_access_rights_of_the_old_one(tmp_path: Path) -> None:
    target = tmp_path / "failures.log"
    atomic_write_text(target, "old")
    target.chmod(0o640)
    atomic_write_text(target, "new")
    assert target.stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("length", [248, 249, 255])
def test_a_name_of_the_greatest_length_is_written(tmp_path: Path, length: int) -> None:
    target = tmp_path / ("é" + "x" * (length - 2))
    atomic_write_text(target, "new")
    assert [path.name for path in tmp_path.iterdir()] == [target.name]
