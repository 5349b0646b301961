"""A snapshot that the disk cannot hold is refused before the work begins, with the sizes in the text."""

from __future__ import annotations

import shutil
from collections import namedtuple
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tiktok_pipeline.home.manifest import StoredFile
from tiktok_pipeline.ingest.disk_space import InsufficientDiskSpaceError, check_disk_space, needed_bytes
from tiktok_pipeline.settings import Settings
from tiktok_pipeline_tests.homes import Home, Said
from tiktok_pipeline_tests.scrapes import creators, write_csv

Usage = namedtuple("Usage", "total used free")


def stored(file: str, rows: int, source: str = "profiles") -> StoredFile:
    return StoredFile(
        file=file,
        delivered_sha256="a",
        stored_sha256="a",
        bytes=1,
        rows=rows,
        source=source,
        dialect="public_csv",
        ingested_at="2024-03-01T00:00:00",
    )


def test_the_videos_that_profiles_list_need_space_too() -> None:
    plain = replace(stored("a.csv", 1_000), bytes=1_000_000, columns={"top_videos": "top_videos"})
    packed = replace(plain, file="a.parquet")
    assert needed_bytes([plain], published_bytes=0) == 272_000 + 125_000 + 600_000
    assert needed_bytes([packed], published_bytes=0) == 272_000 + 3_000_000


def test_needed_bytes_agree_with_a_calculation_by_hand() -> None:
    # 1,000 rows, 2 x (110 + 26) bytes each; the texts of a CSV once more, 125 bytes each; the old copy beside the new
    assert needed_bytes([stored("a.parquet", 1_000)], published_bytes=0) == 272_000
    assert needed_bytes([stored("a.csv", 1_000)], published_bytes=7) == 272_000 + 125_000 + 7
    mixed = [stored("a.parquet", 600), stored("b.csv", 400)]
    assert needed_bytes(mixed, published_bytes=0) == 272_000 + 125_000, (
        "with one text file, the texts of all files are stored"
    )


def test_the_error_names_needed_and_free_space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(100, 70, 30_000_000_000))
    manifest = [stored("a.parquet", 116_760_000)]
    with pytest.raises(
        InsufficientDiskSpaceError, match=r"its 116,760,000 rows need about 31\.8 GB .* only 30\.0 GB is free in"
    ) as caught:
        check_disk_space(Settings(home=tmp_path), "2024-03-01", manifest)
    assert "`tiktok-pipeline prune`" in str(caught.value)
    check_disk_space(Settings(home=tmp_path), "2024-03-01", [stored("a.parquet", 80_000_000)])


def test_a_small_snapshot_is_refused_with_sizes_in_megabytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(100, 70, 100_000))
    with pytest.raises(InsufficientDiskSpaceError, match=r"need about 0\.3 MB of disk .* only 0\.1 MB is free in"):
        check_disk_space(Settings(home=tmp_path), "2024-03-01", [stored("a.parquet", 1_000)])


def test_a_refresh_without_disk_space_writes_nothing(
    copied_home: Home, call: Callable[..., Said], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    home = copied_home
    before = home.tables(published=True)
    monkeypatch.setattr("tiktok_pipeline.ingest.disk_space.BYTES_PER_ROW", 10**15)
    later = write_csv(tmp_path / "b.csv", creators(60, day="2024-05-01"))
    result = call(home.path, "refresh", later, "--study", "influencer_segments")
    assert result.code == 1
    assert "snapshot 2024-05-01: its 60 rows need about 120,000,000.0 GB of disk" in result.err
    assert "Traceback" not in result.err
    assert home.tables(published=True) == before
    assert home.value("select count(*) from validated.profiles where snapshot = '2024-05-01'") == 0
