"""What a home holds, in a form in which two homes can be compared: tables by slice, the published file, raw/, all files.

Stamps of time and run ids differ from run to run and are left out. The engine is asked directly, not through the
package that is under measure.
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
"""Table, snapshot and study; the last two are empty where the table has no such column."""
Slices = Mapping[SliceKey, str]
"""A hash of its rows for each slice that has any."""

WAREHOUSE = Path("warehouse") / "tiktok.duckdb"
PUBLISHED = Path("published") / "tiktok.duckdb"
LEFTOVERS = ("*.part", ".staging-*", "*.draft", "*.wal", "*.wal.*", "*.tmp", ".coming-*")
"""Names of what is there only while something is being written."""

_STAMP = re.compile(r"\w+_at|run_id")
_RUN = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_LONGEST_TALE = 5


class UnreadableStateError(RuntimeError):
    """A part of the home cannot be read, so it is no state at all."""


@dataclass(frozen=True)
class State:
    """All of a home that can be compared; ``files`` are paths below it, folders too, without Dagster's."""

    warehouse: Slices
    published: Slices
    raw: Mapping[str, str]
    files: frozenset[str]


def state_of(home: Path) -> State:
    """Read all of a home; raises `UnreadableStateError`."""
    return State(warehouse_of(home), published_of(home), raw_of(home), files_of(home))


def warehouse_of(home: Path) -> Slices:
    """The slices of the warehouse with all that was committed.

    What a killed process had committed lies in the log beside the file; a copy of both is opened for writing, which
    replays the log and leaves the home as it was found.
    """
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        for file in (home / WAREHOUSE).parent.glob(f"{WAREHOUSE.name}*"):
            if file.is_file():
                shutil.copy2(file, folder)
        return slices_of(Path(folder) / WAREHOUSE.name, read_only=False)


def published_of(home: Path) -> Slices:
    """The slices of the published file, opened as an analyst does; it has to be whole without a log beside it."""
    beside = [path.name for path in (home / PUBLISHED).parent.glob(f"{PUBLISHED.name}.wal*")]
    if beside:
        msg = f"beside the published file lies {', '.join(beside)}"
        raise UnreadableStateError(msg)
    return slices_of(home / PUBLISHED, read_only=True)


def slices_of(database: Path, *, read_only: bool) -> Slices:
    """The slices of all tables of a database but those of schema ``meta``."""
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
    except duckdb.Error as problem:
        msg = f"{database.parent.name}/{database.name} cannot be read: {' '.join(str(problem).split())[:300]}"
        raise UnreadableStateError(msg) from problem


def _hashes(connection: duckdb.DuckDBPyConnection, table: str, names: list[str]) -> Iterable[tuple[SliceKey, str]]:
    listed = ", ".join(f'"{name}"' for name in names)
    digests: dict[SliceKey, Any] = defaultdict(hashlib.sha256)
    for row in connection.execute(f"select {listed} from {table} order by all").fetchall():  # noqa: S608
        cells = dict(zip(names, row, strict=True))
        key = (table.replace('"', ""), str(cells.get("snapshot", "")), str(cells.get("study", "")))
        digests[key].update(f"{row!r}\n".encode())
    return [(key, digest.hexdigest()) for key, digest in digests.items()]


def raw_of(home: Path) -> dict[str, str]:
    """The delivered files by their hash, the manifests by their text without stamps; by path below ``raw/``."""
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
    except ValueError as problem:
        msg = f"{path.parent.name}/{path.name} cannot be read: {problem}"
        raise UnreadableStateError(msg) from problem


def _without_stamps(value: object) -> object:
    if isinstance(value, dict):
        return {name: _without_stamps(one) for name, one in value.items() if not _STAMP.fullmatch(name)}
    return [_without_stamps(one) for one in value] if isinstance(value, list) else value


def files_of(home: Path) -> frozenset[str]:
    """The paths of all files and folders below ``home`` but those in ``dagster/``; the ids of runs are taken out."""
    return frozenset(_RUN.sub("<run>", name) for name in touched(home) if not name.startswith("dagster"))


def touched(home: Path) -> dict[str, tuple[int, int]]:
    """Size and time of the last change of all files, and of no folder; the home may change while one looks."""
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
    """What is not in place in a home that is done: names of drafts anywhere, files too many, files that lack."""
    drafts = {name for name in touched(home) if any(fnmatch.fnmatch(Path(name).name, one) for one in LEFTOVERS)}
    there = files_of(home)
    lacking = [f"{name} is missing" for name in sorted(expected - there)]
    return sorted(drafts | (there - expected - {"failures.log"})) + lacking


def strange_slices(found: Slices, old: Slices, new: Slices) -> list[str]:
    """The slices that are neither as before nor as after; to be absent is a state like any other."""
    keys = sorted({*found, *old, *new})
    return [_told(key) for key in keys if found.get(key) not in (old.get(key), new.get(key))]


def mixed_snapshots(found: Slices, old: Slices, new: Slices) -> list[str]:
    """The snapshots that are neither wholly as before nor wholly as after, over all tables."""
    parts = [_by_snapshot(one) for one in (found, old, new)]
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


def different(found: Mapping[Any, str], expected: Mapping[Any, str]) -> list[str]:
    """What is not as expected, by name."""
    return [_told(key) for key in sorted({*found, *expected}) if found.get(key) != expected.get(key)]


def between(home: Path, old: State, new: State) -> list[str]:
    """What is wrong in a home whose refresh was cut off: each slice has to be as before or as after it."""
    problems = []
    try:
        problems += _short("neither old nor new", strange_slices(warehouse_of(home), old.warehouse, new.warehouse))
    except UnreadableStateError as problem:
        problems.append(str(problem))
    try:
        problems += _short("published, mixed", mixed_snapshots(published_of(home), old.published, new.published))
    except UnreadableStateError as problem:
        problems.append(str(problem))
    try:
        raw_of(home)
    except UnreadableStateError as problem:
        problems.append(str(problem))
    return problems


def not_as(home: Path, new: State) -> list[str]:
    """What differs in a home from the one that was never disturbed; its files are for `leftovers`."""
    try:
        found = state_of(home)
    except UnreadableStateError as problem:
        return [str(problem)]
    return [
        *_short("warehouse differs", different(found.warehouse, new.warehouse)),
        *_short("published differs", different(found.published, new.published)),
        *_short("raw differs", different(found.raw, new.raw)),
    ]


def _by_snapshot(slices: Slices) -> dict[str, dict[SliceKey, str]]:
    found: dict[str, dict[SliceKey, str]] = defaultdict(dict)
    for key, value in slices.items():
        found[key[1]][key] = value
    return found


def _short(title: str, names: list[str]) -> list[str]:
    more = f" and {len(names) - _LONGEST_TALE} more" if len(names) > _LONGEST_TALE else ""
    return [f"{title}: {'; '.join(names[:_LONGEST_TALE])}{more}"] if names else []


def _told(key: object) -> str:
    return " ".join(filter(None, key)) if isinstance(key, tuple) else str(key)
