"""Backups of homes with links: what a folder on another disk holds is copied, and no link is replaced."""

from __future__ import annotations

from pathlib import Path

import pytest

from tiktok_pipeline.privacy.scrub import files_with_names, remove_matching_files
from tiktok_pipeline.settings import Settings
from tiktok_pipeline.upkeep.backup import BackupError, back_up, restore

HANDLE = "some.body_1"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A home whose raw files lie on another disk."""
    settings = Settings(home=tmp_path / "home")
    stored = tmp_path / "large disk" / "raw" / "2024-03-01"
    stored.mkdir(parents=True)
    (stored / "a.csv").write_text(f"account_id\n{HANDLE}\n")
    settings.warehouse_file.parent.mkdir(parents=True)
    settings.warehouse_file.write_text("tables")
    settings.raw.symlink_to(stored.parent, target_is_directory=True)
    return settings


def test_a_folder_on_another_disk_is_part_of_a_backup(settings: Settings, tmp_path: Path) -> None:
    assert back_up(settings, tmp_path / "backup").files == 2
    assert (tmp_path / "backup" / "raw" / "2024-03-01" / "a.csv").read_text() == f"account_id\n{HANDLE}\n"


def test_a_restore_does_not_replace_a_link(settings: Settings, tmp_path: Path) -> None:
    back_up(settings, tmp_path / "backup")
    with pytest.raises(BackupError, match=r"raw: is a link, .*set TIKTOK_PIPELINE_HOME to a new folder and restore"):
        restore(settings, tmp_path / "backup")
    assert settings.raw.is_symlink()
    another = Settings(home=tmp_path / "another")  # the advice, followed
    another.home.mkdir()
    restore(another, tmp_path / "backup")
    assert (another.raw / "2024-03-01" / "a.csv").exists()
    assert another.warehouse_file.read_text() == "tables"


def test_a_link_in_the_place_of_an_own_file_is_told(settings: Settings, tmp_path: Path) -> None:
    moved = settings.warehouse_file.rename(tmp_path / "large disk" / "tiktok.duckdb")
    settings.warehouse_file.symlink_to(moved)
    with pytest.raises(BackupError, match=r"tiktok[.]duckdb: is a link, its file would be missing; put the file"):
        back_up(settings, tmp_path / "backup")
    assert not (tmp_path / "backup").exists()


def test_a_name_is_found_on_the_other_disk_and_links_to_files_of_others_stay(
    settings: Settings, tmp_path: Path
) -> None:
    others = tmp_path / "of others.csv"
    others.write_text(HANDLE)
    (settings.home / "link.csv").symlink_to(others)
    assert files_with_names(settings, [HANDLE]) == [settings.raw / "2024-03-01" / "a.csv"]
    assert remove_matching_files(settings, [HANDLE]) == []
    assert others.exists()
