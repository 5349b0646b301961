"""The lists of the users: creators under consideration, with notes and a state, in a file of their own.

The file is SQLite, readable by its owner alone. It is about people: `forget_members` erases a creator from it.
"""

from __future__ import annotations

import itertools
import os
import re
import sqlite3
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tiktok_pipeline.errors import PipelineError

STATES = ("considered", "asked", "agreed", "declined")
MOST_LISTS = 200
MOST_MEMBERS = 2_000
LONGEST_NAME, LONGEST_NOTE = 80, 1_000
_WAIT_SECONDS = 3.0
_FEWEST_LETTERS = 6
"""A shorter handle may be an ordinary word in the name of a list."""

_COLUMNS = {
    "lists": ("name", "created_at"),
    "members": (
        *("list", "account_id", "state", "note", "added_at"),
        *("snapshot", "followers", "engagement", "persona"),
    ),
}
"""The columns of each table whose cells are checked, in the order of the checksum."""


def _with_checksums(table: str) -> tuple[str, ...]:
    """Return the statements that keep a checksum with each row, because SQLite has none."""
    columns, new = ", ".join(_COLUMNS[table]), ", ".join(f"new.{column}" for column in _COLUMNS[table])
    compute = f"begin update {table} set checksum = row_checksum({new}) where rowid = new.rowid; end"
    return (
        f"alter table {table} add column checksum integer",
        f"update {table} set checksum = row_checksum({columns})",
        f"create trigger {table}_inserted after insert on {table} {compute}",
        f"create trigger {table}_updated after update of {columns} on {table} {compute}",
    )


_MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        "create table lists (name text primary key, created_at text not null) strict",
        """
        create table members (
            list text not null references lists (name) on delete cascade,
            account_id text not null,
            state text not null default 'considered',
            note text not null default '',
            added_at text not null,
            snapshot text not null,
            followers integer,
            engagement real,
            persona text,
            primary key (list, account_id)
        ) strict
        """,
        "create index members_by_creator on members (account_id)",
    ),
    (*_with_checksums("lists"), *_with_checksums("members")),
)
"""The statements that lead to each version of the file, which ``pragma user_version`` holds."""


class ListsError(PipelineError):
    """The file of the lists cannot be used, or a change is not possible; the text says what to do."""

    code = "lists"
    is_usage_error = True


@dataclass(frozen=True)
class Member:
    """A creator on a list, with its figures as they were when it was added."""

    account_id: str
    state: str = STATES[0]
    note: str = ""
    added_at: str = ""
    snapshot: str = ""
    followers: int | None = None
    engagement: float | None = None
    persona: str | None = None


class Lists:
    """The lists in one file; it is created at the first change."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def path(self) -> Path:
        """The file."""
        return self._path

    def names(self) -> dict[str, int]:
        """Return the names of all lists, each with its number of members."""
        if not self._path.exists():
            return {}
        with self._open() as database:
            rows = database.execute(
                "select lists.name, count(account_id) from lists left join members on list = lists.name "
                "group by 1 order by lower(lists.name)"
            ).fetchall()
        return dict(rows)

    def members(self, name: str) -> list[Member]:
        """Return the members of a list in the order in which they were added."""
        if not self._path.exists():
            return []
        with self._open() as database:
            rows = database.execute(
                "select account_id, state, note, added_at, snapshot, followers, engagement, persona from members "
                "where list = ? order by added_at, account_id",
                [name],
            ).fetchall()
        return [Member(*row) for row in rows]

    def create(self, name: str) -> str:
        """Create a list unless it exists, and return its name."""
        name = " ".join(name.split())
        if not name or len(name) > LONGEST_NAME or not name.isprintable() or re.search(r"[/\\?#%]", name):
            msg = f"the name of a list has 1 to {LONGEST_NAME} characters, without / \\ ? # %"
            raise ListsError(msg, remedy="type another name")
        with self._open() as database:
            (count,) = database.execute("select count(*) from lists").fetchone()
            known = database.execute("select 1 from lists where name = ?", [name]).fetchone()
            if count >= MOST_LISTS and not known:
                msg = f"there are {count} lists already, the most that are possible"
                raise ListsError(msg, remedy="delete a list that is no longer needed")
            database.execute("insert or ignore into lists (name, created_at) values (?, ?)", [name, _now()])
        return name

    def delete(self, name: str) -> None:
        """Delete a list with its members."""
        with self._open() as database:
            database.execute("delete from lists where name = ?", [name])

    def add(self, name: str, members: Sequence[Member]) -> int:
        """Add creators to a list and return how many are new; those on it already stay as they are."""
        with self._open() as database:
            if not database.execute("select 1 from lists where name = ?", [name]).fetchone():
                msg = f"there is no list {name!r}"
                raise ListsError(msg, remedy="create it first")
            (count,) = database.execute("select count(*) from members where list = ?", [name]).fetchone()
            if count + len(members) > MOST_MEMBERS:
                msg = f"a list holds at most {MOST_MEMBERS:,} creators"
                raise ListsError(msg, remedy="start another list")
            columns = ", ".join(_COLUMNS["members"])
            added = database.executemany(
                f"insert or ignore into members ({columns}) values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [(name, m.account_id, m.state, m.note[:LONGEST_NOTE], _now(), *_as_added(m)) for m in members],
            )
            return added.rowcount

    def change(self, name: str, account_id: str, *, state: str | None, note: str | None) -> None:
        """Set the state and the note of a member; None leaves one as it is."""
        self.change_all(name, [(account_id, state, note)])

    def change_all(self, name: str, changes: Sequence[tuple[str, str | None, str | None]]) -> None:
        """Set the state and the note of members, given as (handle, state, note); None leaves one as it is."""
        if any(state not in (None, *STATES) for _, state, _ in changes):
            msg = f"the state of a creator is one of: {', '.join(STATES)}"
            raise ListsError(msg, remedy="choose one of them")
        with self._open() as database:
            database.executemany(
                "update members set state = coalesce(?, state), note = coalesce(?, note) "
                "where list = ? and account_id = ?",
                [
                    (state, None if note is None else note[:LONGEST_NOTE], name, account_id)
                    for account_id, state, note in changes
                ],
            )

    def remove(self, name: str, account_id: str) -> None:
        """Take a creator off a list."""
        with self._open() as database:
            database.execute("delete from members where list = ? and account_id = ?", [name, account_id])

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """Yield the file in a transaction, private to its owner and migrated.

        Raises
        ------
        ListsError
            If it is locked, damaged, or of a newer program.
        """
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            os.close(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600))
            with closing(sqlite3.connect(self._path, timeout=_WAIT_SECONDS)) as database:
                database.create_function("row_checksum", -1, _row_checksum, deterministic=True)
                database.execute("pragma foreign_keys = on")
                database.execute("pragma secure_delete = on")
                with database:
                    _migrate(database, self._path)
                    yield database
        except sqlite3.DatabaseError as error:
            is_locked = "locked" in str(error)
            msg = f"{self._path}: {'another program has it open' if is_locked else f'cannot be used ({error})'}"
            raise ListsError(
                msg, remedy="close that program" if is_locked else "move it away, or take it from a backup"
            ) from error
        except OSError as error:
            msg = f"{self._path}: cannot be used ({error.strerror})"
            raise ListsError(msg, remedy="check who may write the folder") from error


def forget_members(path: Path, account_ids: Sequence[str]) -> int:
    """Erase creators from all lists, in any case of the letters, and return how many entries were erased."""
    if not path.exists():
        return 0
    with Lists(path)._open() as database:
        erased = 0
        for account_id in account_ids:
            cursor = database.execute("delete from members where lower(account_id) = lower(?)", [account_id])
            erased += cursor.rowcount
            words = f"%{_escaped(account_id)}%"
            database.execute("update members set note = '' where note like ? escape '\\'", [words])
            if len(account_id) >= _FEWEST_LETTERS:
                _rename_lists(database, words)
    return erased


def _rename_lists(database: sqlite3.Connection, words: str) -> None:
    """Give another name to the lists that were named after a creator."""
    database.execute("pragma defer_foreign_keys = on")
    for (name,) in database.execute("select name from lists where name like ? escape '\\'", [words]).fetchall():
        taken = {known for (known,) in database.execute("select name from lists")}
        renamed = next(text for number in itertools.count(1) if (text := f"list {number}") not in taken)
        database.execute("update lists set name = ? where name = ?", [renamed, name])
        database.execute("update members set list = ? where list = ?", [renamed, name])


def count_members(path: Path) -> Mapping[str, int]:
    """Return the names of the lists with their members; also a test whether the file can be read."""
    return Lists(path).names()


def changed_rows(path: Path) -> int:
    """Return how many lists and members have other cells than were written, as after a broken bit of the disk.

    Raises
    ------
    ListsError
        If the file cannot be used.
    """
    with Lists(path)._open() as database:
        database.text_factory = bytes  # damaged texts need not be UTF-8
        return sum(
            checksum != _row_checksum(*cells)
            for table, columns in _COLUMNS.items()
            for checksum, *cells in database.execute(f"select checksum, {', '.join(columns)} from {table}")
        )


def _row_checksum(*cells: str | bytes | float | None) -> int:
    return zlib.crc32(repr([cell.encode() if isinstance(cell, str) else cell for cell in cells]).encode())


def _as_added(member: Member) -> tuple[str, int | None, float | None, str | None]:
    return member.snapshot, member.followers, member.engagement, member.persona


def _escaped(text: str) -> str:
    return re.sub(r"([%_\\])", r"\\\1", text)


def _migrate(database: sqlite3.Connection, path: Path) -> None:
    (version,) = database.execute("pragma user_version").fetchone()
    if version > len(_MIGRATIONS):
        msg = f"{path}: a newer program wrote it"
        raise ListsError(msg, remedy="install the version of the program that wrote it")
    for number in range(version, len(_MIGRATIONS)):
        for statement in _MIGRATIONS[number]:
            database.execute(statement)
        database.execute(f"pragma user_version = {number + 1}")


def _now() -> str:
    return datetime.now(tz=UTC).isoformat(timespec="seconds")
