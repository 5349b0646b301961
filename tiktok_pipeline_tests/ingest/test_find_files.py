"""A path of a call is a file, or a folder with scrapes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tiktok_pipeline.ingest.find_files import find_files, scrapes_in
from tiktok_pipeline.warehouse.base import UnreadableFileError


def test_the_scrapes_of_a_folder_are_its_finished_files_of_a_known_name(tmp_path: Path) -> None:
    names = (
        "b.csv",
        "a.json.gz",
        ".hidden.csv",
        "c.csv.part",
        "d.parquet",
        "e.XLSX",
        "f.zip",
        "g.tsv.gz",
        "notes.md",
    )
    for name in names:
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "notes.txt").write_text("not a scrape", encoding="utf-8")
    (tmp_path / "table.txt").write_text("username\tfollowers\n", encoding="utf-8")
    (tmp_path / "link.csv").symlink_to(tmp_path / "b.csv")
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "folder.csv" / "inside.csv").write_bytes(b"")
    assert [path.name for path in scrapes_in(tmp_path)] == [
        "a.json.gz", "b.csv", "d.parquet", "e.XLSX", "f.zip", "g.tsv.gz", "table.txt"
    ]  # fmt: skip


def test_a_file_that_is_named_in_the_call_may_have_any_name(tmp_path: Path) -> None:
    path = tmp_path / "export without ending"
    path.write_bytes(b"")
    assert find_files([path, tmp_path / "." / path.name]) == [path]


@pytest.mark.parametrize("name", ["missing.csv", "empty"])
def test_a_path_without_a_scrape_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UnreadableFileError, match=name):
        find_files([tmp_path / name])
