"""The same files are not read again, unless anything that decides how they are read or stored has changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tiktok_pipeline.home.manifest import read_manifest, write_manifest
from tiktok_pipeline.ingest import receipts
from tiktok_pipeline.ingest.config import IngestConfig
from tiktok_pipeline.ingest.options import IngestOptions
from tiktok_pipeline.ingest.receipts import registered_before
from tiktok_pipeline.ingest.register import register
from tiktok_pipeline.warehouse.duckdb.warehouse import DuckDBWarehouse
from tiktok_pipeline_tests.scrapes import creators, write_csv

DEFAULT = IngestOptions()
Delivered = tuple[Path, IngestConfig]


@pytest.fixture
def delivered(engine: DuckDBWarehouse, tmp_path: Path) -> Delivered:
    """Return a file that was registered, and the settings of its home."""
    scrape = write_csv(tmp_path / "profiles_2024-03-01.csv", creators(20))
    (tmp_path / "home" / "raw").mkdir(parents=True)
    config = IngestConfig(raw=tmp_path / "home" / "raw", engine=engine, receipts=tmp_path / "home" / "receipts.json")
    assert [file.outcome for file in register([scrape], config)] == ["new"]
    return scrape, config


def test_a_file_that_was_registered_is_already_there(delivered: Delivered) -> None:
    scrape, config = delivered
    known = registered_before([scrape], config, DEFAULT)
    assert known is not None
    (entry,) = read_manifest(config.raw / "2024-03-01")
    assert [(file.snapshot, file.file, file.outcome) for file in known] == [
        ("2024-03-01", entry.file, "already there")
    ]
    assert register([scrape], config) == known


def _edit(scrape: Path, _: IngestConfig) -> None:
    scrape.write_text(scrape.read_text(encoding="utf-8").replace("creator", "person"), encoding="utf-8")


def _remove_stored(_: Path, config: IngestConfig) -> None:
    (entry,) = read_manifest(config.raw / "2024-03-01")
    (config.raw / "2024-03-01" / entry.file).unlink()


def _change_manifest(_: Path, config: IngestConfig) -> None:
    (entry,) = read_manifest(config.raw / "2024-03-01")
    write_manifest(config.raw / "2024-03-01", [replace(entry, forgotten_rows=(1,))])


def _damage_receipts(_: Path, config: IngestConfig) -> None:
    assert config.receipts is not None
    config.receipts.write_text("[", encoding="utf-8")


@pytest.mark.parametrize("change", [_edit, _remove_stored, _change_manifest, _damage_receipts])
def test_a_file_is_read_again_after_a_change(
    delivered: Delivered, change: Callable[[Path, IngestConfig], None]
) -> None:
    scrape, config = delivered
    change(scrape, config)
    assert registered_before([scrape], config, DEFAULT) is None


@pytest.mark.parametrize(
    "options", [IngestOptions(again=True), IngestOptions(snapshot="2024-04-01"), IngestOptions(decimal=",")]
)
def test_a_file_is_read_again_with_other_options(delivered: Delivered, options: IngestOptions) -> None:
    scrape, config = delivered
    assert registered_before([scrape], config, options) is None


def test_a_file_is_read_again_by_another_program(delivered: Delivered, monkeypatch: pytest.MonkeyPatch) -> None:
    scrape, config = delivered
    monkeypatch.setattr(receipts, "program_version", lambda: "other")
    assert registered_before([scrape], config, DEFAULT) is None


def test_files_of_one_call_are_read_together(delivered: Delivered, tmp_path: Path) -> None:
    scrape, config = delivered
    other = write_csv(tmp_path / "profiles_2024-04-01.csv", creators(20, day="2024-04-01"))
    assert registered_before([scrape, other], config, DEFAULT) is None


def test_receipts_name_nobody(delivered: Delivered) -> None:
    scrape, config = delivered
    assert config.receipts is not None
    assert scrape.stem not in config.receipts.read_text(encoding="utf-8")
