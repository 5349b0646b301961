"""Reads the state of a home so that two homes can be compared: tables by slice, published file, raw/, all files.

Timestamps and run ids differ between runs and are left out. DuckDB is queried directly, not through the package that
is measured.
"""

from __future__ import annotations

import fnmatch
import hashlib
import json
import os
import re
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

SliceKey = tuple[str, str, str]
"""Table, snapshot and study; the last two are empty if the table has no such column."""
Slices = Mapping[SliceKey, str]
"""The hash of the rows of each slice that is not empty."""

WAREHOUSE = Path("warehouse") / "tiktok.duckdb"
PUBLISHED = Path("published") / "tiktok.duckdb"
LEFTOVERS = ("*.part", ".staging-*", "*.draft", "*.wal", "*.wal.*", "*.tmp", ".coming-*", ".leaving-*")
"""Name patterns of files that exist only while something is written."""

_STAMP = re.compile(r"\w+_at|run_id|checksum")
_RUN = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_MOST_NAMES = 5


class UnreadableStateError(RuntimeError):
    """A part of the home cannot be read."""


@dataclass(frozen=True)
class State:
    """The state of a home; ``files`` are the relative paths of files and folders, without those of Dagster."""

    warehouse: Slices
    published: Slices
    raw: Mapping[str, str]
    files: frozenset[str]


def state_of(home: Path) -> State:
    """Read the state of a home; raise `UnreadableStateError` if a part cannot be read."""
    return State(warehouse_of(home), published_of(home), raw_of(home), files_of(home))


def warehouse_of(home: Path) -> Slices:
    """Return the slices of the warehouse, with everything that was committed.

    The commits of a killed process are in the log beside the file. A copy of both is opened for writing, which
    replays the log and leaves the home unchanged.
    """
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        for file in (home / WAREHOUSE).parent.glob(f"{WAREHOUSE.name}*"):
            if file.is_file():
                shutil.copy2(file, folder)
        return slices_of(Path(folder) / WAREHOUSE.name, read_only=False)


def published_of(home: Path) -> Slices:
    """Return the slices of the published file, which must be complete without a log beside it."""
    beside = [path.name for path in (home / PUBLISHED).parent.glob(f"{PUBLISHED.name}.wal*")]
    if beside:
        msg = f"beside the published file is {', '.join(beside)}"
        raise UnreadableStateError(msg)
    return slices_of(home / PUBLISHED, read_only=True)


def slices_of(database: Path, *, read_only: bool) -> Slices:
    """Return the slices of all tables of a database, except the schema ``meta``."""
    if not database.is_file():
        return {}
    try:
        with duckdb.connect(str(database), read_only=read_only) as connection:
            columns = connection.execute(
                "select table_schema, table_name, column_name, data_type from information_schema.columns "
                "join information_schema.tables using (table_schema, table_name) "
                "where table_type = 'BASE TABLE' and table_schema <> 'meta' order by all"
            ).fetchall()
            tables: dict[str, list[str]] = defaultdict(list)
            for schema, table, column, kind in columns:
                if not (_STAMP.fullmatch(column) or kind.startswith("TIMESTAMP")):
                    tables[f'"{schema}"."{table}"'].append(column)
            return {key: value for table, names in tables.items() for key, value in _hashes(connection, table, names)}
    except duckdb.Error as error:
        msg = f"{database.parent.name}/{database.name} cannot be read: {' '.join(str(error).split())[:300]}"
        raise UnreadableStateError(msg) from error


def _hashes(connection: duckdb.DuckDBPyConnection, table: str, names: list[str]) -> Iterable[tuple[SliceKey, str]]:
    listed = ", ".join(f'"{name}"' for name in names)
    digests: dict[SliceKey, Any] = defaultdict(hashlib.sha256)
    for row in connection.execute(f"select {listed} from {table} order by all").fetchall():  # noqa: S608
        cells = dict(zip(names, row, strict=True))
        key = (table.replace('"', ""), str(cells.get("snapshot", "")), str(cells.get("study", "")))
        digests[key].update(f"{row!r}\n".encode())
    return [(key, digest.hexdigest()) for key, digest in digests.items()]


def raw_of(home: Path) -> dict[str, str]:
    """Return a hash of each file below ``raw/``; manifests are hashed without timestamps."""
    found = {}
    for name in files_of(home / "raw"):
        path = home / "raw" / name
        if path.is_file():
            content = path.read_bytes()
            if path.name == "manifest.json":
                content = json.dumps(_without_stamps(_json(path, content)), sort_keys=True).encode()
            found[name] = hashlib.sha256(content).hexdigest()
    return found


def _json(path: Path, content: bytes) -> object:
    try:
        return json.loads(content)
    except ValueError as error:
        msg = f"{path.parent.name}/{path.name} cannot be read: {error}"
        raise UnreadableStateError(msg) from error


def _without_stamps(value: object) -> object:
    if isinstance(value, dict):
        return {name: _without_stamps(nested) for name, nested in value.items() if not _STAMP.fullmatch(name)}
    return [_without_stamps(nested) for nested in value] if isinstance(value, list) else value


def files_of(home: Path) -> frozenset[str]:
    """Return the relative paths of all files and folders outside ``dagster/``, without the ids of runs."""
    return frozenset(_RUN.sub("<run>", name) for name in list_entries(home) if not name.startswith("dagster"))


def list_entries(home: Path) -> dict[str, tuple[int, int]]:
    """Return size and modification time of each file, zeros for folders; the home may change meanwhile."""
    found = {}
    for folder, folders, files in os.walk(home):
        for name in (*folders, *files):
            path = Path(folder, name)
            try:
                about = path.stat()
            except FileNotFoundError:
                continue
            is_file = name in files
            found[str(path.relative_to(home))] = (about.st_size, about.st_mtime_ns) if is_file else (0, 0)
    return found


def leftovers(home: Path, expected: frozenset[str]) -> list[str]:
    """List temporary files, unexpected files and missing files of a finished home."""
    drafts = {
        name for name in list_entries(home) if any(fnmatch.fnmatch(Path(name).name, pattern) for pattern in LEFTOVERS)
    }
    there = files_of(home)
    lacking = [f"{name} is missing" for name in sorted(expected - there)]
    return sorted(drafts | (there - expected - {"failures.log"})) + lacking


def unexpected_slices(found: Slices, old: Slices, new: Slices) -> list[str]:
    """List the slices that are neither as before nor as after; absence counts as a state."""
    keys = sorted({*found, *old, *new})
    return [_key_text(key) for key in keys if found.get(key) not in (old.get(key), new.get(key))]


def mixed_snapshots(found: Slices, old: Slices, new: Slices) -> list[str]:
    """List the snapshots that are, over all tables, neither as before nor as after."""
    parts = [_by_snapshot(slices) for slices in (found, old, new)]
    mixed = []
    for snapshot in sorted({key for part in parts for key in part}):
        is_, was, will_be = (part.get(snapshot, {}) for part in parts)
        if is_ not in (was, will_be):
            keys = sorted({*is_, *was, *will_be})
            as_before = sum(is_.get(key) == was.get(key) for key in keys)
            as_after = sum(is_.get(key) == will_be.get(key) for key in keys)
            told = f"of {len(keys)} slices {as_before} are as before and {as_after} as after"
            mixed.append(f"snapshot {snapshot or '(none)'}: {told}")
    return mixed


def differing_keys(found: Mapping[Any, str], expected: Mapping[Any, str]) -> list[str]:
    """List the keys whose values differ."""
    return [_key_text(key) for key in sorted({*found, *expected}) if found.get(key) != expected.get(key)]


def cut_off_problems(home: Path, old: State, new: State) -> list[str]:
    """List the problems of a home whose refresh was interrupted; each slice must be as before or as after it."""
    problems = []
    try:
        problems += _shorten(
            "neither old nor new", unexpected_slices(warehouse_of(home), old.warehouse, new.warehouse)
        )
    except UnreadableStateError as error:
        problems.append(str(error))
    try:
        problems += _shorten("published, mixed", mixed_snapshots(published_of(home), old.published, new.published))
    except UnreadableStateError as error:
        problems.append(str(error))
    try:
        raw_of(home)
    except UnreadableStateError as error:
        problems.append(str(error))
    return problems


def list_differences(home: Path, new: State) -> list[str]:
    """List the differences from an undisturbed home, except its files: see `leftovers`."""
    try:
        found = state_of(home)
    except UnreadableStateError as error:
        return [str(error)]
    return [
        *_shorten("warehouse differs", differing_keys(found.warehouse, new.warehouse)),
        *_shorten("published differs", differing_keys(found.published, new.published)),
        *_shorten("raw differs", differing_keys(found.raw, new.raw)),
    ]


def _by_snapshot(slices: Slices) -> dict[str, dict[SliceKey, str]]:
    found: dict[str, dict[SliceKey, str]] = defaultdict(dict)
    for key, value in slices.items():
        found[key[1]][key] = value
    return found


def _shorten(title: str, names: list[str]) -> list[str]:
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return [f"{title}: {'; '.join(names[:_MOST_NAMES])}{more}"] if names else []


def _key_text(key: object) -> str:
    return " ".join(filter(None, key)) if isinstance(key, tuple) else str(key)
