"""Which snapshots are complete: published from the files that they have now, by the program that runs now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC

from tiktok_pipeline.home.manifest import compute_delivery_id, read_manifest, snapshots_on_disk
from tiktok_pipeline.program_version import computed_by
from tiktok_pipeline.settings import Settings
from tiktok_pipeline.study import Study
from tiktok_pipeline.warehouse.base import StoredSlice

_OF_SEGMENTS, _OF_SCORES = ("clusters", "personas", "creators"), ("classifiers",)


def pending_snapshots(settings: Settings, published_deliveries: Mapping[str, str]) -> list[str]:
    """Return the snapshots on disk that are not published as their manifest lists them.

    Parameters
    ----------
    settings : Settings
        The home.
    published_deliveries : mapping of str to str
        The id of the delivery from which each published snapshot was computed.
    """
    return [
        key
        for key in snapshots_on_disk(settings.raw)
        if published_deliveries.get(key) != compute_delivery_id(read_manifest(settings.raw / key))
    ]


def complete_snapshots(
    settings: Settings,
    keys: Sequence[str],
    studies: Sequence[Study],
    *,
    slices: Sequence[StoredSlice],
    slice_columns: Mapping[str, Sequence[str]],
) -> list[str]:
    """Return the snapshots that a refresh of the same files would compute to the same tables.

    Parameters
    ----------
    settings : Settings
        The home.
    keys : sequence of str
        The snapshots of interest.
    studies : sequence of Study
        The studies that must be there.
    slices : sequence of StoredSlice
        Every slice of the published file.
    slice_columns : mapping of str to sequence of str
        The slice columns of each published table, by its name.

    Returns
    -------
    list of str
        Snapshots of which every table, and every table of each study, was computed from the present delivery by the
        present program, studies and settings, and whose report is not older than they are.
    """
    published = {(entry.table, entry.snapshot, entry.study): entry for entry in slices}
    complete = []
    for key in keys:
        wanted = dict(_wanted_slices(key, studies, slice_columns))
        delivery_id = compute_delivery_id(read_manifest(settings.raw / key))
        present = [published.get(slice_) for slice_ in wanted]
        if wanted and all(
            entry is not None
            and entry.delivery_id == delivery_id
            and entry.computed_by in _accepted(version, settings)
            for entry, version in zip(present, wanted.values(), strict=True)
        ):
            complete.append(key)
    return [key for key in complete if _has_report(settings, key, slices)]


def _wanted_slices(
    snapshot: str, studies: Sequence[Study], slice_columns: Mapping[str, Sequence[str]]
) -> list[tuple[tuple[str, str, str], str]]:
    """Return every slice that a complete snapshot has, with the version of its study ("" for a shared table)."""
    wanted = []
    for table, columns in slice_columns.items():
        if "snapshot" not in columns:
            continue
        if "study" not in columns:
            wanted.append(((table, snapshot, ""), ""))
            continue
        schema = table.partition(".")[0]
        wanted += [
            ((table, snapshot, study.name), study.version)
            for study in studies
            if (study.segmentation is not None and schema in _OF_SEGMENTS)
            or (study.classification is not None and schema in _OF_SCORES)
        ]
    return wanted


def _accepted(study_version: str, settings: Settings) -> set[str]:
    """Return the versions that a table may have; without figures in the settings, figures do no harm."""
    with_figures = computed_by(study_version=study_version)
    return (
        {with_figures}
        if settings.pictures
        else {
            with_figures,
            computed_by(study_version=study_version, has_figures=False),
        }
    )


def _has_report(settings: Settings, snapshot: str, slices: Sequence[StoredSlice]) -> bool:
    """Return whether the report of a snapshot was written after its tables."""
    report = settings.reports / f"{snapshot}.html"
    written = max(entry.written_at for entry in slices if entry.snapshot == snapshot).replace(tzinfo=UTC)
    return report.exists() and report.stat().st_mtime >= written.timestamp()
