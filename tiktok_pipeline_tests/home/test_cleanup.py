"""What a killed process leaves in a home: one list for the check and for the removal."""

from __future__ import annotations

from pathlib import Path

import pytest

from tiktok_pipeline.home.cleanup import leftovers, remove_leftovers
from tiktok_pipeline.home.layout import home_folders, prepare_home
from tiktok_pipeline.home.lock import home_lock
from tiktok_pipeline.home.manifest import StoredFile, file_sha256, read_manifest, write_manifest
from tiktok_pipeline.settings import Settings
from tiktok_pipeline.upkeep.home_checks import check_home

SNAPSHOT = "2024-03-01"
LEFTOVERS = (
    "raw/.staging-x/0/scrape.csv",
    "raw/.pruned-2024-01-01/scrape.csv",
    f"raw/{SNAPSHOT}/.coming-other.csv",
    f"raw/{SNAPSHOT}/.manifest.json.draft",
    "warehouse/.tiktok.duckdb.draft",
    "warehouse/.tiktok.duckdb.draft.wal",
    "warehouse/tiktok.duckdb.tmp/block",
    "warehouse/tiktok.duckdb.engine-x1/kept_1/0.parquet",
    "published/.tiktok.duckdb.draft",
    "reports/.2024-03-01.html.draft",
    "reports/2024-03-01/.a.b.00.c.svg.draft",
    "reports/2024-03-01/a.b.00.c.part",
    "incoming/refused/.bad.csv.why.txt.draft",
    "dagster/.checksums.json.draft",
    ".forgotten.json.draft",
    ".failures.log.draft",
)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A home with one stored file and one of everything that may be left behind."""
    settings = Settings(home=tmp_path / "home")
    prepare_home(settings)
    for name in LEFTOVERS:
        path = settings.home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("half", encoding="utf-8")
    folder = settings.raw / SNAPSHOT
    (folder / "scrape.csv").write_text("a\n1\n", encoding="utf-8")
    entry = StoredFile(
        file="scrape.csv",
        delivered_sha256="x",
        stored_sha256=file_sha256(folder / "scrape.csv"),
        bytes=4,
        rows=1,
        source="profiles",
        dialect="public_csv",
        ingested_at="2024-03-01T00:00:00",
    )
    draft = folder / ".manifest.json.draft"
    content = draft.read_text(encoding="utf-8")
    write_manifest(folder, [entry])
    draft.write_text(content, encoding="utf-8")
    return settings


def files_in(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_every_leftover_is_listed_and_removed_and_nothing_else(settings: Settings) -> None:
    listed = leftovers(settings)
    inside = {path for path in listed for name in LEFTOVERS if (settings.home / name).is_relative_to(path)}
    assert len(listed) == len(set(listed)) == len(LEFTOVERS)
    assert inside == set(listed)
    remove_leftovers(settings)
    assert leftovers(settings) == []
    assert files_in(settings.home) == [f"raw/{SNAPSHOT}/manifest.json", f"raw/{SNAPSHOT}/scrape.csv"]


def test_a_pending_file_that_the_manifest_lists_gets_its_name(settings: Settings) -> None:
    folder = settings.raw / SNAPSHOT
    (folder / "scrape.csv").rename(folder / ".coming-scrape.csv")
    remove_leftovers(settings)
    (entry,) = read_manifest(folder)
    assert file_sha256(folder / "scrape.csv") == entry.stored_sha256


def test_doctor_warns_of_every_leftover_unless_a_process_uses_the_home(settings: Settings) -> None:
    warned = [finding.message for finding in check_home(settings) if "killed process" in finding.message]
    assert warned == [f"{path}: left by a killed process" for path in leftovers(settings)]
    with home_lock(settings.lock_file, timeout_seconds=1):
        assert not any("killed process" in finding.message for finding in check_home(settings))


def test_the_folders_of_a_home_are_private(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home")
    prepare_home(settings)
    assert {folder.stat().st_mode & 0o777 for folder in home_folders(settings)} == {0o700}
    assert not any(finding.level != "ok" for finding in check_home(settings))
