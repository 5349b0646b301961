"""A disk that is full says nothing about a delivery: the file stays in the inbox and is taken when there is room."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from benchmarks.reliability.crash import CannotMountError, limit_free_space, mount_small_disk
from tiktok_pipeline.errors import PipelineError
from tiktok_pipeline.ingest import staging
from tiktok_pipeline.ingest.inbox import ingest_inbox
from tiktok_pipeline.ingest.staging import copy_file
from tiktok_pipeline.settings import Settings
from tiktok_pipeline.warehouse.base import UnreadableFileError
from tiktok_pipeline.warehouse.duckdb.warehouse import DuckDBWarehouse
from tiktok_pipeline_tests.scrapes import creators, write_csv


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS])
def test_an_error_of_the_home_s_disk_names_the_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def fail(_reader: int, _writer: int) -> None:
        raise OSError(number, os.strerror(number))

    (tmp_path / "a.csv").write_bytes(b"good")
    (tmp_path / "home").mkdir()
    monkeypatch.setattr(staging, "copy_content", fail)
    with pytest.raises(OSError, match=os.strerror(number)) as caught:
        copy_file(tmp_path / "a.csv", tmp_path / "home" / "copy")
    assert caught.value.filename == str(tmp_path / "home")


def test_an_error_of_the_delivered_file_names_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_reader: int, _writer: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    (tmp_path / "a.csv").write_bytes(b"good")
    monkeypatch.setattr(staging, "copy_content", fail)
    with pytest.raises(UnreadableFileError, match=r"^a\.csv: cannot be read \(Input/output error\)"):
        copy_file(tmp_path / "a.csv", tmp_path / "copy")


def test_a_delivery_waits_in_the_inbox_until_the_disk_has_room(tmp_path: Path) -> None:
    try:
        with mount_small_disk(tmp_path / "home") as home, DuckDBWarehouse(None) as engine:
            settings = Settings(home=home, settle_seconds=0.1)
            settings.incoming.mkdir()
            write_csv(settings.incoming / "scrape.csv", creators(3_000))
            free = 0.0
            limit_free_space(home, free)
            while not _is_ingested(settings, engine):
                assert [path.name for path in settings.incoming.iterdir()] == ["scrape.csv"], f"{free} MB free"
                free = 2 * free or 0.0625
                limit_free_space(home, free)
            assert free, "the first try has no room"
    except CannotMountError as error:
        pytest.skip(str(error))


def _is_ingested(settings: Settings, engine: DuckDBWarehouse) -> bool:
    """Ingest the inbox; return False if the disk was full, which no result may hide."""
    try:
        result = ingest_inbox(settings, engine)
    except (OSError, PipelineError) as error:
        reason = str(error)
    else:
        assert result.refused == []
        return [file.outcome for file in result.registered] == ["new"]
    assert "space" in reason.lower()
    return False
