"""Whether files, tables and Dagster's records of a home agree: every disagreement with what to do about it.

Looks and changes nothing; the database files are opened for reading only.
"""

from __future__ import annotations

import shutil
import stat
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tiktok_pipeline.home.cleanup import leftovers
from tiktok_pipeline.home.layout import home_folders
from tiktok_pipeline.home.lock import lock_holder
from tiktok_pipeline.home.manifest import (
    MANIFEST,
    ManifestError,
    StoredFile,
    compute_delivery_id,
    file_sha256,
    read_manifest,
)
from tiktok_pipeline.ingest.inbox import refused_files
from tiktok_pipeline.privacy.suppression import read_suppression_list
from tiktok_pipeline.settings import Settings
from tiktok_pipeline.tables import TABLES
from tiktok_pipeline.warehouse.base import SliceCounts, StoredSlice

ADD_TO_DAGSTER = "run `tiktok-pipeline refresh --all`, or start the UI, whose sensor adds it"
_REFRESH = "run `tiktok-pipeline refresh`"
_PRUNE = "restore raw/ from a backup, or remove it: `tiktok-pipeline prune --before DATE`"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at: how bad it is, what is so, and what to do."""

    level: Literal["ok", "warning", "error"]
    what: str
    advice: str = ""


@dataclass(frozen=True)
class Database:
    """What is known of a database file; ``problem`` where it could not be read now."""

    path: Path
    exists: bool
    problem: str | None = None
    version: int | None = None
    expected_version: int = 0
    slices: tuple[StoredSlice, ...] = ()
    counts: SliceCounts | None = None


def check_home(settings: Settings) -> Iterator[Finding]:
    """The home itself: who may enter, who is at work, how much room is left, what waits."""
    if not settings.home.is_dir():
        yield Finding(
            "error", f"{settings.home}: there is no such folder", "run `tiktok-pipeline refresh FILE` first"
        )
        return
    for folder in home_folders(settings):
        if folder.is_dir() and stat.S_IMODE(folder.stat().st_mode) & 0o007:
            yield Finding(
                "warning",
                f"{folder}: every user of this machine may read it",
                f"chmod o= {folder}, or leave it so on purpose",
            )
    holder = lock_holder(settings.lock_file)
    yield Finding("ok", f"process {holder} is at work here" if holder else "nobody is at work here")
    yield _room(settings)
    for refused in refused_files(settings.refused):
        yield Finding("warning", f"refused: {refused.reason}", f"see {settings.refused / refused.file}")
    if settings.forgotten_file.exists() and read_suppression_list(settings.forgotten_file).unfinished:
        yield Finding("error", "an erasure was interrupted", "run `tiktok-pipeline forget` for the same name again")
    if holder is None:
        for leftover in leftovers(settings):
            yield Finding(
                "warning", f"{leftover}: left by a process that was killed", "the next refresh puts it away"
            )


def _room(settings: Settings) -> Finding:
    """Another refresh needs room for the copy for readers and for what the tables grow by."""
    files = (settings.warehouse_file, settings.published_file)
    needed = sum(file.stat().st_size for file in files if file.exists()) + 500_000_000
    free = shutil.disk_usage(settings.home).free
    text = f"{free / 1e9:,.1f} GB free, a refresh may need {needed / 1e9:,.1f} GB"
    if free >= needed:
        return Finding("ok", text)
    return Finding("error", text, "make room, or remove old snapshots: `tiktok-pipeline prune --keep N`")


def read_manifests(settings: Settings) -> tuple[dict[str, list[StoredFile]], list[Finding]]:
    """The manifests that can be read, by snapshot, and what is wrong with the others."""
    manifests, findings = {}, []
    for folder in sorted(settings.raw.iterdir()) if settings.raw.is_dir() else ():
        if folder.name.startswith(".") or not folder.is_dir():
            continue
        if not (folder / MANIFEST).exists():
            advice = "deliver its files again, then delete the folder"
            findings.append(Finding("error", f"{folder}: a snapshot's folder without a manifest", advice))
            continue
        try:
            manifests[folder.name] = read_manifest(folder)
        except ManifestError as problem:
            findings.append(Finding("error", str(problem)))
    return manifests, findings


def check_files(settings: Settings, manifests: dict[str, list[StoredFile]], *, quick: bool) -> Iterator[Finding]:
    """Every stored file is there and is what the manifest says; no other lies beside it."""
    files = 0
    for key, manifest in manifests.items():
        folder = settings.raw / key
        for entry in manifest:
            files += 1
            path = folder / entry.file
            if not path.is_file():
                yield Finding("error", f"{path}: gone", "restore it from a backup, or deliver the file again")
            elif path.stat().st_size != entry.bytes or (not quick and file_sha256(path) != entry.stored_sha256):
                advice = "restore it from a backup, or deliver the file again; do not edit files in raw/"
                yield Finding("error", f"{path}: changed since it was stored", advice)
        known = {MANIFEST, *(entry.file for entry in manifest)}
        for path in sorted(folder.iterdir()):
            if path.name not in known and not path.name.startswith("."):
                yield Finding(
                    "warning", f"{path}: not in the manifest", "deliver it through incoming/, delete it there"
                )
    how = "sizes" if quick else "hashes"
    yield Finding("ok", f"{files} raw file(s) of {len(manifests)} snapshot(s) compared by their {how}")


def check_database(
    database: Database, *, has_snapshots: bool, external: Collection[tuple[str, str]] = ()
) -> Iterator[Finding]:
    """The file can be read, is of this version, and holds as many rows as it says.

    ``external`` are the slices (table, snapshot) whose rows stay in files.
    """
    if not database.exists and has_snapshots:
        yield Finding("error", f"{database.path}: gone, though snapshots were delivered", _REFRESH)
    elif not database.exists:
        yield Finding("ok", f"{database.path}: not there yet")
    elif database.problem is not None:
        yield Finding("warning", database.problem, "look again when it is free")
    elif database.version != database.expected_version:
        newer = database.version is not None and database.version > database.expected_version
        advice = "install the newer program" if newer else "the next refresh brings it up to date"
        said = f"version {database.version} of the tables, this program has {database.expected_version}"
        yield Finding("error" if newer else "warning", f"{database.path}: {said}", advice)
    elif database.counts is not None:
        wrong = []
        for one in database.slices:
            has = database.counts.get((_stored_in(one.table), one.snapshot, one.study), 0)
            lies_elsewhere = not has and (one.table, one.snapshot) in external
            if one.snapshot and has != one.rows and not lies_elsewhere:
                wrong.append(f"{one.table} {one.snapshot} {one.study}: {has} rows, written were {one.rows}")
        listed = {(one.table, one.snapshot, one.study) for one in database.slices}
        wrong += [f"{' '.join(key)}: rows that nobody wrote" for key in sorted(set(database.counts) - listed)]
        for text in wrong:
            yield Finding("error", f"{database.path}: {text}", "run `tiktok-pipeline refresh --all`")
        if not wrong:
            yield Finding("ok", f"{database.path}: {len(listed)} slices, each with the rows that were written")


def _stored_in(table: str) -> str:
    """The table in which the rows of ``table`` are stored: itself, or the one that it derives from."""
    derived = TABLES[table].spec.derived if table in TABLES else None
    return str(derived.of) if derived else table


def check_agreement(
    manifests: dict[str, list[StoredFile]], warehouse: Database, published: Database
) -> Iterator[Finding]:
    """Manifests, tables and the copy for readers speak of the same snapshots, deliveries and rows."""
    deliveries = {key: compute_delivery_id(manifest) for key, manifest in manifests.items()}
    if warehouse.problem is None and warehouse.version == warehouse.expected_version:
        yield from _agreement_of_tables(manifests, deliveries, warehouse)
    if published.problem is None and published.version == published.expected_version:
        origins = {one.snapshot: one.delivery_id for one in published.slices if one.snapshot and not one.study}
        late = sorted(key for key in deliveries if origins.get(key) != deliveries[key])
        for key in late:
            yield Finding("warning", f"{published.path}: snapshot {key} is not in it as delivered", _REFRESH)
        for key in sorted(set(origins) - set(deliveries)):
            yield Finding("error", f"{published.path}: snapshot {key} has no files", _PRUNE)


def _agreement_of_tables(
    manifests: dict[str, list[StoredFile]], deliveries: dict[str, str], warehouse: Database
) -> Iterator[Finding]:
    stored: dict[str, dict[tuple[str, str], StoredSlice]] = {}
    for one in warehouse.slices:
        if one.snapshot:
            stored.setdefault(one.snapshot, {})[one.table, one.study] = one
    for key in sorted(set(stored) - set(manifests)):
        yield Finding("error", f"snapshot {key}: rows in the warehouse, no files in raw/", _PRUNE)
    for key in sorted(set(manifests) - set(stored)):
        yield Finding("warning", f"snapshot {key}: delivered, not in the warehouse", _REFRESH)
    for key in sorted(set(manifests) & set(stored)):
        slices = stored[key]
        others = sorted({one.study for one in slices.values() if one.delivery_id != deliveries[key]})
        if "" in others:
            yield Finding("warning", f"snapshot {key}: its tables stem from an earlier delivery", _REFRESH)
        elif others:
            advice = f"run `tiktok-pipeline refresh --all --snapshot {key}`"
            yield Finding("warning", f"snapshot {key}: {', '.join(others)} stem from an earlier delivery", advice)
        rows = {table: one.rows for (table, study), one in slices.items() if not study}
        raw = rows.get("raw.profiles", 0) + rows.get("raw.creator_activity", 0)
        good = rows.get("validated.profiles", 0) + rows.get("validated.creator_activity", 0)
        rejected = rows.get("validated.rejected", 0)
        in_files = sum(entry.rows for entry in manifests[key])
        if "" not in others and not in_files == raw == good + rejected:
            text = f"{in_files} rows in the files, {raw} raw, {good} validated, {rejected} rejected"
            yield Finding("error", f"snapshot {key}: {text}", f"run `tiktok-pipeline refresh --all --snapshot {key}`")


def check_partitions(manifests: dict[str, list[StoredFile]], partitions: Collection[str]) -> Iterator[Finding]:
    """Check that Dagster's partitions are the snapshots that have files."""
    known = set(partitions)
    for key in sorted(known - set(manifests)):
        yield Finding("warning", f"Dagster knows snapshot {key}, which has no files", _PRUNE)
    for key in sorted(set(manifests) - known):
        yield Finding("warning", f"Dagster does not know snapshot {key}", ADD_TO_DAGSTER)
    if known == set(manifests):
        yield Finding("ok", f"Dagster's partitions are the {len(known)} snapshot(s) that have files")
