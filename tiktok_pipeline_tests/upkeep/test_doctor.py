"""The checks of ``doctor`` on plain values. The command itself is tested in ``cli/test_erase.py``."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace

import pytest

from tiktok_pipeline.home.layout import prepare_home
from tiktok_pipeline.home.manifest import StoredFile, compute_delivery_id, write_manifest
from tiktok_pipeline.settings import Settings
from tiktok_pipeline.upkeep.doctor import (
    Database,
    check_agreement,
    check_database,
    check_partitions,
)
from tiktok_pipeline.upkeep.findings import Finding
from tiktok_pipeline.upkeep.home_checks import check_home
from tiktok_pipeline.warehouse.base import StoredSlice

SNAPSHOT = "2024-03-01"
FILE = StoredFile(
    file="scrape.csv",
    delivered_sha256="a",
    stored_sha256="a",
    bytes=1,
    rows=10,
    source="profiles",
    dialect="public_csv",
    ingested_at="2024-03-01T00:00:00",
)
MANIFESTS = {SNAPSHOT: [FILE]}
DELIVERY = compute_delivery_id([FILE])


def stored_slice(table: str, rows: int, *, study: str = "", delivery_id: str = DELIVERY) -> StoredSlice:
    return StoredSlice(table, SNAPSHOT, study, rows, delivery_id, datetime(2024, 3, 1))  # noqa: DTZ001


SHARED = (
    stored_slice("raw.profiles", 10),
    stored_slice("validated.profiles", 8),
    stored_slice("validated.rejected", 2),
)
COUNTS = {(entry.table, entry.snapshot, entry.study): entry.rows for entry in SHARED}
CURRENT = Database(Path("/home/tiktok.duckdb"), True, None, 5, 5, SHARED, COUNTS)


def messages(findings: list[Finding]) -> list[tuple[str, str]]:
    return [(finding.level, finding.message) for finding in findings]


def test_the_data_folder_of_a_checkout_is_not_a_finding_but_open_data_in_it_are(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    prepare_home(settings)
    settings.failures_file.touch(mode=0o600)
    settings.home.chmod(0o755)
    assert [finding for finding in check_home(settings) if finding.level != "ok"] == []
    for path in (settings.raw, settings.failures_file):
        path.chmod(0o755)
    assert [finding.message for finding in check_home(settings) if finding.level == "warning"] == [
        f"{path}: every user of this machine may read it" for path in (settings.raw, settings.failures_file)
    ]
    settings.home.chmod(0o700)
    assert [finding for finding in check_home(settings) if finding.level != "ok"] == [], "nobody else can enter"


@pytest.mark.parametrize("folder", [".restoring", ".replaced"])
def test_an_interrupted_restore_is_an_error(tmp_path: Path, folder: str) -> None:
    (tmp_path / folder).mkdir()
    errors = [finding for finding in check_home(Settings(home=tmp_path)) if finding.level == "error"]
    assert [(finding.message.partition(": ")[0], "restore DIR" in finding.remedy) for finding in errors] == [
        (str(tmp_path / folder), True)
    ]


@pytest.mark.parametrize(("free", "level"), [(272_001, "ok"), (271_999, "error")])
def test_the_disk_must_hold_the_largest_snapshot_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, level: str
) -> None:
    settings = Settings(home=tmp_path)
    for snapshot, rows in (("2024-03-01", 1_000), ("2024-04-01", 10)):
        folder = settings.raw / snapshot
        folder.mkdir(parents=True)
        write_manifest(folder, [replace(FILE, file="scrape.parquet", rows=rows)])
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=free))
    assert [
        finding.level for finding in check_home(settings) if "a refresh of one study may need" in finding.message
    ] == [level]


def test_a_home_that_agrees_has_no_finding() -> None:
    assert list(check_agreement(MANIFESTS, CURRENT, CURRENT)) == []
    (finding,) = check_database(CURRENT, has_snapshots=True)
    assert finding.level == "ok"
    assert "3 slices" in finding.message


@pytest.mark.parametrize(
    ("database", "level", "text"),
    [
        (replace(CURRENT, exists=False), "error", "missing, though there are snapshots"),
        (replace(CURRENT, error="held by process 7"), "warning", "held by process 7"),
        (replace(CURRENT, version=4), "warning", "version 4 of the tables, this program has 5"),
        (replace(CURRENT, version=6), "error", "version 6 of the tables, this program has 5"),
        (replace(CURRENT, counts=COUNTS | {("raw.profiles", SNAPSHOT, ""): 9}), "error", "9 rows, 10 were written"),
        (replace(CURRENT, counts=COUNTS | {("raw.profiles", "x", ""): 1}), "error", "x : rows that are not listed"),
    ],
)
def test_a_database_that_differs_is_a_finding_with_a_remedy(database: Database, level: str, text: str) -> None:
    (finding,) = check_database(database, has_snapshots=True)
    assert finding.level == level
    assert text in finding.message
    assert finding.remedy


def test_rows_that_stay_in_files_are_not_missed() -> None:
    database = replace(CURRENT, counts={key: rows for key, rows in COUNTS.items() if key[0] != "raw.profiles"})
    external = {("raw.profiles", SNAPSHOT)}
    assert [finding.level for finding in check_database(database, has_snapshots=True, external=external)] == ["ok"]
    assert [finding.level for finding in check_database(database, has_snapshots=True)] == ["error"]


@pytest.mark.parametrize(
    ("slices", "expected"),
    [
        (
            (*SHARED[:2], replace(SHARED[2], rows=1)),
            [("error", f"snapshot {SNAPSHOT}: 10 rows in the files, 10 raw, 8 validated, 1 rejected")],
        ),
        (
            tuple(replace(entry, delivery_id="older") for entry in SHARED),
            [("warning", f"snapshot {SNAPSHOT}: its tables come from an earlier delivery")],
        ),
        (
            (*SHARED, stored_slice("clusters.fits", 3, study="a_study", delivery_id="older")),
            [("warning", f"snapshot {SNAPSHOT}: a_study come from an earlier delivery")],
        ),
        ((), [("warning", f"snapshot {SNAPSHOT}: delivered, not in the warehouse")]),
    ],
)
def test_tables_that_do_not_fit_their_files_are_found(
    slices: tuple[StoredSlice, ...], expected: list[tuple[str, str]]
) -> None:
    warehouse = replace(CURRENT, slices=slices)
    assert messages(list(check_agreement(MANIFESTS, warehouse, CURRENT))) == expected


def test_snapshots_without_files_are_found_in_every_place() -> None:
    found = [*check_agreement({}, CURRENT, CURRENT), *check_partitions({}, [SNAPSHOT])]
    assert messages(found) == [
        ("error", f"snapshot {SNAPSHOT}: rows in the warehouse, no files in raw/"),
        ("error", f"{CURRENT.path}: snapshot {SNAPSHOT} has no files"),
        ("warning", f"Dagster knows snapshot {SNAPSHOT}, which has no files"),
    ]


def test_partitions_are_compared_with_the_snapshots_on_disk() -> None:
    assert [finding.level for finding in check_partitions(MANIFESTS, [SNAPSHOT])] == ["ok"]
    assert messages(list(check_partitions(MANIFESTS, []))) == [
        ("warning", f"Dagster does not know snapshot {SNAPSHOT}")
    ]


def test_a_home_that_cannot_be_written_is_said_and_still_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(home=tmp_path)
    prepare_home(settings)
    monkeypatch.setattr(os, "access", lambda *_: False)
    (finding,) = [finding for finding in check_home(settings) if finding.level == "error"]
    assert finding.message == f"{tmp_path}: cannot be written"
    assert "mount the disk for writing" in finding.remedy
