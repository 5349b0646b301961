"""A snapshot is complete if a refresh of its files would compute the same tables again."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tiktok_pipeline.home.manifest import StoredFile, compute_delivery_id, read_manifest, write_manifest
from tiktok_pipeline.program_version import computed_by, program_version
from tiktok_pipeline.settings import Settings
from tiktok_pipeline.study import Study
from tiktok_pipeline.upkeep.completeness import complete_snapshots
from tiktok_pipeline.warehouse.base import StoredSlice
from tiktok_pipeline_tests.homes import ONE_STUDY, TWO_STUDIES

KEY = "2024-03-01"
SLICE_COLUMNS = {
    "validated.profiles": ("snapshot",),
    "clusters.models": ("snapshot", "study"),
    "personas.recommendations": ("study",),
    "classifiers.scores": ("snapshot", "study"),
    "segments.influencer_segments": (),
}
WRITTEN = datetime(2024, 3, 2, 12, tzinfo=UTC)
Change = Callable[[list[StoredSlice]], list[StoredSlice]]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Return a home with one delivered file and a report that was written after the tables."""
    settings = Settings(home=tmp_path)
    (settings.raw / KEY).mkdir(parents=True)
    entry = StoredFile(
        file="a.csv",
        delivered_sha256="1",
        stored_sha256="1",
        bytes=1,
        rows=1,
        source="profiles",
        dialect="public_csv",
        ingested_at="2024-03-02T11:00:00",
    )
    write_manifest(settings.raw / KEY, [entry])
    settings.reports.mkdir()
    report = settings.reports / f"{KEY}.html"
    report.touch()
    os.utime(report, times=((WRITTEN + timedelta(seconds=1)).timestamp(),) * 2)
    return settings


def slices(settings: Settings) -> list[StoredSlice]:
    """Return the slices that a refresh of one study publishes."""
    delivery_id, (study,) = compute_delivery_id(read_manifest(settings.raw / KEY)), ONE_STUDY
    shared = StoredSlice("validated.profiles", KEY, "", 1, delivery_id, WRITTEN.replace(tzinfo=None), computed_by())
    version = computed_by(study_version=study.version)
    return [shared, replace(shared, table="clusters.models", study=study.name, computed_by=version)]


def complete(settings: Settings, published: list[StoredSlice], studies: tuple[Study, ...] = ONE_STUDY) -> bool:
    found = complete_snapshots(settings, [KEY], studies, slices=published, slice_columns=SLICE_COLUMNS)
    return found == [KEY]


def test_a_snapshot_is_complete_if_every_table_is_of_its_delivery_and_program(settings: Settings) -> None:
    assert complete(settings, slices(settings))


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda found: found[1:], id="a shared table is missing"),
        pytest.param(lambda found: found[:1], id="a table of the study is missing"),
        pytest.param(lambda found: [replace(found[0], delivery_id="other"), *found[1:]], id="other files"),
        pytest.param(lambda found: [replace(found[0], computed_by=""), *found[1:]], id="an older program"),
        pytest.param(lambda found: [found[0], replace(found[1], computed_by=computed_by())], id="another study"),
        pytest.param(lambda _: [], id="nothing is published"),
        pytest.param(
            lambda found: [found[0], replace(found[1], written_at=found[1].written_at + timedelta(days=1))],
            id="the report is older than a table",
        ),
    ],
)
def test_a_snapshot_is_not_complete(settings: Settings, change: Change) -> None:
    assert not complete(settings, change(slices(settings)))


def test_a_snapshot_without_its_report_is_not_complete(settings: Settings) -> None:
    (settings.reports / f"{KEY}.html").unlink()
    assert not complete(settings, slices(settings))


def test_a_snapshot_needs_every_study_of_the_refresh(settings: Settings) -> None:
    assert not complete(settings, slices(settings), TWO_STUDIES)


def test_tables_without_figures_are_complete_only_if_none_are_drawn(settings: Settings) -> None:
    (study,) = ONE_STUDY
    versions = (
        computed_by(has_figures=False),
        computed_by(study_version=study.version, has_figures=False),
    )
    bare = [replace(entry, computed_by=version) for entry, version in zip(slices(settings), versions, strict=True)]
    quick = replace(settings, pictures=False)
    assert (complete(settings, bare), complete(quick, bare), complete(quick, slices(settings))) == (False, True, True)


def test_the_version_of_the_program_changes_with_every_file(tmp_path: Path) -> None:
    package = tmp_path / "package"
    package.mkdir()
    (package / "a.py").write_text("x = 1\n", encoding="utf-8")
    first = program_version(package)
    program_version.cache_clear()
    assert program_version(package) == first
    (package / "a.py").write_text("x = 2\n", encoding="utf-8")
    (package / "__pycache__").mkdir()
    (package / "__pycache__" / "a.pyc").write_bytes(b"x")
    program_version.cache_clear()
    second = program_version(package)
    (package / "b.toml").write_text("", encoding="utf-8")
    program_version.cache_clear()
    assert len({first, second, program_version(package)}) == 3
