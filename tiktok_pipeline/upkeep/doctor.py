"""Check that the files, tables and partitions of a home agree; each disagreement comes with a remedy.

The checks change nothing. They get what they compare as plain values: the command line reads the databases and
Dagster's partitions.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tiktok_pipeline.home import clock
from tiktok_pipeline.home.manifest import (
    MANIFEST,
    ManifestError,
    StoredFile,
    compute_delivery_id,
    file_sha256,
    files_in_use,
    read_manifest,
)
from tiktok_pipeline.raw.schema import SOURCES, VIDEOS
from tiktok_pipeline.raw.snapshots import is_snapshot_key
from tiktok_pipeline.settings import Settings
from tiktok_pipeline.tables import TABLES
from tiktok_pipeline.upkeep.findings import Finding, Fix
from tiktok_pipeline.upkeep.record_checksums import changed_records, sqlite_problem
from tiktok_pipeline.warehouse.base import SliceCounts, StoredSlice

ADD_TO_DAGSTER = "run `tiktok-pipeline doctor --fix`, or start the UI, whose sensor adds it"
"""The remedy for a snapshot that Dagster does not know."""

_REFRESH = "run `tiktok-pipeline refresh`"
_REFRESH_ALL = "run `tiktok-pipeline refresh --all`"
_REMOVE_ROWS = "restore raw/ from a backup, or run `tiktok-pipeline doctor --fix`, which removes this snapshot alone"
_SET_ASIDE = (
    "run `tiktok-pipeline doctor --fix`, which moves it aside, then `tiktok-pipeline refresh --all`; or restore a "
    "backup: `tiktok-pipeline restore DIR`"
)
_REMOVE_PARTITION = "run `tiktok-pipeline doctor --fix`, which removes it alone"

Manifests = Mapping[str, Sequence[StoredFile]]
"""The files of each snapshot."""


@dataclass(frozen=True)
class Database:
    """What is known of a database file.

    Attributes
    ----------
    path : Path
        The file.
    exists : bool
        Whether the file exists.
    error : str, optional
        Why it cannot be read now; then nothing else is known.
    is_damaged : bool
        Whether it will not be readable later either.
    version, expected_version : int
        The version of its tables (None if the file has none), and the version of this program.
    slices : tuple of StoredSlice
        The slices that it lists.
    counts : SliceCounts, optional
        The rows that each slice really has.
    changed : tuple of str
        The columns of slices whose cells are not those that were written.
    """

    path: Path
    exists: bool
    error: str | None = None
    version: int | None = None
    expected_version: int = 0
    slices: tuple[StoredSlice, ...] = ()
    counts: SliceCounts | None = None
    changed: tuple[str, ...] = ()
    is_damaged: bool = False

    @property
    def is_current(self) -> bool:
        """Whether the slices are known and of this program's version."""
        return self.error is None and self.version == self.expected_version


def read_manifests(settings: Settings) -> tuple[dict[str, list[StoredFile]], list[Finding]]:
    """Return the readable manifests by snapshot, and a finding for each folder without one."""
    manifests, findings = {}, []
    for folder in sorted(settings.raw.iterdir()) if settings.raw.is_dir() else ():
        if folder.name.startswith(".") or not folder.is_dir():
            continue
        if not (folder / MANIFEST).exists():
            remedy = "move the folder out of raw/, and deliver the files in it again"
            findings.append(Finding("error", f"{folder}: a snapshot's folder without a manifest", remedy))
            continue
        try:
            manifests[folder.name] = read_manifest(folder)
        except ManifestError as error:
            findings.append(Finding("error", error.message, error.remedy or ""))
    return manifests, findings


def check_files(settings: Settings, manifests: Manifests, *, quick: bool) -> Iterator[Finding]:
    """Check that every stored file exists and is unchanged, and that there are no other files beside them.

    Parameters
    ----------
    settings : Settings
        The home.
    manifests : mapping of str to sequence of StoredFile
        The files of each snapshot.
    quick : bool
        Compare sizes only, not hashes.
    """
    files = sum(len(manifest) for manifest in manifests.values())
    if problem := clock.clock_problem((entry for manifest in manifests.values() for entry in manifest), clock.now()):
        yield Finding("warning", problem, clock.CHECK_CLOCK)
    damaged = 0
    for snapshot, manifest in manifests.items():
        folder = settings.raw / snapshot
        for entry in manifest:
            path = folder / entry.file
            if not path.is_file():
                damaged += 1
                yield Finding("error", f"{path}: missing", "restore it from a backup, or deliver the file again")
            elif path.stat().st_size != entry.bytes or (not quick and file_sha256(path) != entry.stored_sha256):
                damaged += 1
                remedy = "restore it from a backup, or deliver the file again; do not edit files in raw/"
                yield Finding("error", f"{path}: changed since it was stored", remedy)
        yield from _left_out(snapshot, manifest)
        known = {MANIFEST, *(entry.file for entry in manifest)}
        for path in sorted(folder.iterdir()):
            if path.name not in known and not path.name.startswith("."):
                remedy = "move it out of raw/, and deliver it from there"
                yield Finding("warning", f"{path}: not in the manifest", remedy)
    if not damaged:
        compared = "sizes" if quick else "hashes"
        yield Finding("ok", f"the {compared} of {files} raw file(s) in {len(manifests)} snapshot(s) match")


def check_database(
    database: Database, *, has_snapshots: bool, external: Collection[tuple[str, str]] = ()
) -> Iterator[Finding]:
    """Check that a database can be read, has this program's version, and holds the rows that it lists.

    Parameters
    ----------
    database : Database
        The database.
    has_snapshots : bool
        Whether the home has any snapshot; without one there need not be a database.
    external : collection of (str, str)
        The slices (table, snapshot) whose rows stay in files.
    """
    if not database.exists and has_snapshots:
        yield Finding("error", f"{database.path}: missing, though there are snapshots", _REFRESH_ALL)
    elif not database.exists:
        yield Finding("ok", f"{database.path}: does not exist yet")
    elif database.is_damaged:
        yield Finding("error", f"{database.error}", _SET_ASIDE, Fix("set_aside", str(database.path)))
    elif database.error is not None:
        yield Finding("warning", database.error, "check again when it is free")
    elif database.version != database.expected_version:
        is_newer = database.version is not None and database.version > database.expected_version
        remedy = "install the newer program" if is_newer else "the next refresh brings it up to date"
        versions = f"version {database.version} of the tables, this program has {database.expected_version}"
        yield Finding("error" if is_newer else "warning", f"{database.path}: {versions}", remedy)
    elif database.counts is not None:
        differences = list(_row_differences(database, database.counts, external))
        differences += [f"{column}: other cells than were written" for column in database.changed]
        for difference in differences:
            yield Finding("error", f"{database.path}: {difference}", "run `tiktok-pipeline refresh --all`")
        if not differences:
            slices = f"{len(database.slices)} slices, each with the rows that were written"
            yield Finding("ok", f"{database.path}: {slices}")


def _row_differences(database: Database, counts: SliceCounts, external: Collection[tuple[str, str]]) -> Iterator[str]:
    """Yield the slices whose rows are not those that were written."""
    for entry in database.slices:
        rows = counts.get((_storage_table(entry.table), entry.snapshot, entry.study), 0)
        is_stored_elsewhere = not rows and (entry.table, entry.snapshot) in external
        if entry.snapshot and rows != entry.rows and not is_stored_elsewhere:
            yield f"{entry.table} {entry.snapshot} {entry.study}: {rows} rows, {entry.rows} were written"
    listed = {(entry.table, entry.snapshot, entry.study) for entry in database.slices}
    for key in sorted(set(counts) - listed):
        yield f"{' '.join(key)}: rows that are not listed"


def _storage_table(table: str) -> str:
    """Return the table that stores the rows of ``table``: itself, or the one that it is derived from."""
    derived = TABLES[table].spec.derived if table in TABLES else None
    return str(derived.of) if derived else table


def check_agreement(manifests: Manifests, warehouse: Database, published: Database) -> Iterator[Finding]:
    """Check that manifests, warehouse and published file have the same snapshots, deliveries and rows."""
    deliveries = {snapshot: compute_delivery_id(manifest) for snapshot, manifest in manifests.items()}
    if warehouse.is_current:
        yield from _check_warehouse(manifests, deliveries, warehouse)
    if published.is_current:
        in_published = {
            entry.snapshot: entry.delivery_id for entry in published.slices if entry.snapshot and not entry.study
        }
        for snapshot, delivery_id in sorted(deliveries.items()):
            if in_published.get(snapshot) != delivery_id:
                text = f"{published.path}: snapshot {snapshot} is missing or outdated"
                yield Finding("warning", text, _REFRESH)
        for snapshot in sorted(set(in_published) - set(deliveries)):
            text = f"{published.path}: snapshot {snapshot} has no files"
            yield Finding("error", text, _REMOVE_ROWS, Fix("remove_rows", snapshot))


def _check_warehouse(manifests: Manifests, deliveries: Mapping[str, str], warehouse: Database) -> Iterator[Finding]:
    slices: dict[str, list[StoredSlice]] = {}
    for entry in warehouse.slices:
        if entry.snapshot:
            slices.setdefault(entry.snapshot, []).append(entry)
    for snapshot in sorted(set(slices) - set(manifests)):
        text = f"snapshot {snapshot}: rows in the warehouse, no files in raw/"
        yield Finding("error", text, _REMOVE_ROWS, Fix("remove_rows", snapshot))
    for snapshot in sorted(set(manifests) - set(slices)):
        remedy = f"run `tiktok-pipeline refresh --all --snapshot {snapshot}`"
        yield Finding("warning", f"snapshot {snapshot}: delivered, not in the warehouse", remedy)
    for snapshot in sorted(set(manifests) & set(slices)):
        yield from _check_snapshot(snapshot, manifests[snapshot], slices[snapshot], deliveries[snapshot])


def _check_snapshot(
    snapshot: str, manifest: Sequence[StoredFile], slices: Sequence[StoredSlice], delivery_id: str
) -> Iterator[Finding]:
    """Check that a snapshot's tables are of its delivery, and that its rows add up from the files on."""
    remedy = f"run `tiktok-pipeline refresh --all --snapshot {snapshot}`"
    stale = sorted({entry.study for entry in slices if entry.delivery_id != delivery_id})
    if "" in stale:  # the tables that all studies share
        yield Finding("warning", f"snapshot {snapshot}: its tables come from an earlier delivery", _REFRESH)
        return
    if stale:
        yield Finding("warning", f"snapshot {snapshot}: {', '.join(stale)} come from an earlier delivery", remedy)
    rows = {entry.table: entry.rows for entry in slices if not entry.study}
    in_files = sum(entry.rows for entry in files_in_use(manifest))
    raw = sum(rows.get(f"raw.{source.name}", 0) for source in SOURCES)
    validated = sum(rows.get(f"validated.{source.name}", 0) for source in SOURCES if source is not VIDEOS)
    rejected = rows.get("validated.rejected", 0)
    # validated.videos holds the valid rows of raw.videos, and the videos that profiles list.
    videos = min(rows.get(f"raw.{VIDEOS.name}", 0), rows.get(f"validated.{VIDEOS.name}", 0))
    if in_files != raw or not validated + rejected <= raw <= validated + rejected + videos:
        text = f"{in_files} rows in the files, {raw} raw, {validated} validated, {rejected} rejected"
        yield Finding("error", f"snapshot {snapshot}: {text}", remedy)


def check_records(dagster_home: Path, *, quick: bool) -> Iterator[Finding]:
    """Check that SQLite can read Dagster's databases; unless ``quick``, compare their indexes and checksums, too."""
    remedy = "restore a backup: `tiktok-pipeline restore DIR`, or delete the folder; only the history is lost"
    for path in sorted(dagster_home.rglob("*.db")):
        if problem := sqlite_problem(path, "quick_check" if quick else "integrity_check"):
            yield Finding("error", f"{path}: Dagster's records are damaged ({problem})", remedy)
    for changed in [] if quick else changed_records(dagster_home):
        yield Finding("error", f"Dagster's records were changed: {changed}", remedy)


def _left_out(snapshot: str, manifest: Sequence[StoredFile]) -> Iterator[Finding]:
    """Yield the files that are left out of a snapshot because most of their rows are bad."""
    remedy = "take it back with `tiktok-pipeline withdraw`, or deliver it again with --map"
    for entry in manifest:
        if entry.left_out_because:
            text = f"snapshot {snapshot}: {entry.file} is left out: {entry.left_out_because}"
            yield Finding("warning", text, remedy)


def check_partitions(manifests: Manifests, partitions: Collection[str]) -> Iterator[Finding]:
    """Check that Dagster's partitions are the snapshots that have files."""
    known = set(partitions)
    for snapshot in sorted(known - set(manifests)):
        what = f"snapshot {snapshot}, which has no files"
        if not is_snapshot_key(snapshot):
            what = f"the partition {snapshot!r}, which is not a snapshot"
        fix = Fix("remove_partition", snapshot)
        yield Finding("warning", f"Dagster knows {what}", _REMOVE_PARTITION, fix)
    for snapshot in sorted(set(manifests) - known):
        fix = Fix("add_partition", snapshot)
        yield Finding("warning", f"Dagster does not know snapshot {snapshot}", ADD_TO_DAGSTER, fix)
    if known == set(manifests):
        yield Finding("ok", f"Dagster's partitions are the {len(known)} snapshot(s) that have files")
