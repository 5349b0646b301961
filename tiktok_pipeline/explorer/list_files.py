"""A list as a file: what is written for a spreadsheet, and how a file of handles is read."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tiktok_pipeline.delivery.containers import UnpackBudget
from tiktok_pipeline.delivery.xlsx_records import read_first_sheet
from tiktok_pipeline.explorer.exports import PROFILE_URL
from tiktok_pipeline.explorer.lists import LONGEST_NOTE, MOST_MEMBERS, STATES, ListsError, Member
from tiktok_pipeline.output.profile_link import profile_address
from tiktok_pipeline.output.sheet import LINK, ColumnNote
from tiktok_pipeline.safe_text import formula_safe, one_line

if TYPE_CHECKING:
    import pyarrow as pa

LIST_NOTES: Mapping[str, ColumnNote] = {
    "account_id": ColumnNote("handle of the account, without @", "text"),
    PROFILE_URL: ColumnNote("address of the profile, built from the handle", LINK),
    "state": ColumnNote(f"where you are with this creator: {', '.join(STATES)}", "text"),
    "note": ColumnNote("what you wrote about this creator", "text"),
    "followers": ColumnNote("accounts that follow this creator, in the newest snapshot", "count"),
    "engagement_rate": ColumnNote("likes and comments per video, divided by followers, newest snapshot", "percent"),
    "persona": ColumnNote("segment of the creator, newest snapshot", "text"),
    "added_at": ColumnNote("when the creator was put on the list, UTC", "text"),
    "followers_when_added": ColumnNote("followers in the snapshot of that time", "count"),
    "engagement_rate_when_added": ColumnNote("engagement in the snapshot of that time", "percent"),
    "persona_when_added": ColumnNote("segment in the snapshot of that time", "text"),
}
"""The columns of a list as a file, in their order."""

HANDLE_NAMES = frozenset({"account_id", "handle", "handles", "username", "user", "creator", "account", PROFILE_URL})
"""How the column of the handles may be called; without a header it is the first column."""

_LARGEST_UNPACKED_BYTES = 200_000_000
_SECONDS = 20.0
_ZIP = b"PK\x03\x04"


@dataclass(frozen=True)
class ListRow:
    """A row of a file: a handle, and its state and note if the file has them."""

    account_id: str
    state: str | None = None
    note: str | None = None


def list_table(members: Sequence[Member], today: Mapping[str, Mapping[str, Any]]) -> pa.Table:
    """Return a list as a table: figures of today, and those of the day on which each creator was added."""
    import pyarrow as pa  # noqa: PLC0415 - only an export needs it

    rows = []
    for member in members:
        now = today.get(member.account_id, {})
        rows.append(
            {
                "account_id": member.account_id,
                PROFILE_URL: profile_address(member.account_id),
                "state": member.state,
                "note": member.note,
                "followers": now.get("followers"),
                "engagement_rate": now.get("avg_engagement_rate"),
                "persona": now.get("persona"),
                "added_at": member.added_at,
                "followers_when_added": member.followers,
                "engagement_rate_when_added": member.engagement,
                "persona_when_added": member.persona,
            }
        )
    types = {"count": pa.int64(), "percent": pa.float64()}
    schema = pa.schema([(name, types.get(note.unit, pa.string())) for name, note in LIST_NOTES.items()])
    return pa.Table.from_pylist(rows, schema=schema)


def read_list_file(name: str, content: bytes) -> list[ListRow]:
    r"""Read handles, states and notes from a CSV file or a workbook.

    Parameters
    ----------
    name : str
        The name of the file, for messages.
    content : bytes
        Its bytes.

    Returns
    -------
    list of ListRow
        Each handle once, the first time that it stands in the file.

    Raises
    ------
    ListsError
        If there are no handles or too many, or a state is none.
    UnreadableFileError
        If a workbook is damaged.

    Examples
    --------
    >>> read_list_file("list.csv", b"handle;state\n@some.creator;Asked\n")
    [ListRow(account_id='some.creator', state='asked', note=None)]
    """
    shown = one_line(name, max_characters=80) or "the file"
    rows = _xlsx_rows(shown, content) if content.startswith(_ZIP) else _csv_rows(shown, content)
    header, first = _find_columns(rows)
    found: dict[str, ListRow] = {}
    for number, cells in rows[first:]:
        handle = _handle(cells[header["handle"]] if len(cells) > header["handle"] else "")
        if handle:
            state, note = (_cell(cells, header.get(column)) for column in ("state", "note"))
            found.setdefault(handle, ListRow(handle, _state(state, shown, number), _note(note)))
    if not found:
        msg = f"{shown}: there are no handles in it"
        raise ListsError(msg, remedy="put one handle in each row of the first column")
    if len(found) > MOST_MEMBERS:
        msg = f"{shown}: it has {len(found):,} handles, and a list holds at most {MOST_MEMBERS:,}"
        raise ListsError(msg, remedy="split the file")
    return list(found.values())


Row = tuple[int, list[str]]


def _csv_rows(name: str, content: bytes) -> list[Row]:
    """Return the rows of a text, split by the sign that stands most often in its first line."""
    if b"\0" in content[:1_000] and not content.startswith((b"\xff\xfe", b"\xfe\xff")):
        msg = f"{name}: this is neither a CSV file nor a workbook"
        raise ListsError(msg, remedy="save it as .csv or .xlsx")
    encoding = "utf-16" if content.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError:
        text = content.decode("cp1252", errors="replace")
    first_line = text.partition("\n")[0]
    delimiter = max(";,\t", key=first_line.count)
    try:
        read = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
        return [(number, cells) for number, cells in enumerate(read, start=1) if any(cells)]
    except csv.Error as error:
        msg = f"{name}: it cannot be read as CSV ({error})"
        raise ListsError(msg, remedy="save it as .xlsx, or one handle a line") from error


def _xlsx_rows(name: str, content: bytes) -> list[Row]:
    try:
        rows = read_first_sheet(
            lambda: io.BytesIO(content),
            name=name,
            budget=UnpackBudget(name, _LARGEST_UNPACKED_BYTES),
            most_rows=10 * MOST_MEMBERS,
            seconds=_SECONDS,
        )
    except (zipfile.BadZipFile, EOFError) as error:
        msg = f"{name}: the workbook is damaged"
        raise ListsError(msg, remedy="save it again") from error
    return [(number, [cell or "" for cell in cells]) for number, cells in rows]


def _find_columns(rows: Sequence[Row]) -> tuple[dict[str, int], int]:
    """Return the places of the columns, and of the first row below the header; the first column if there is none."""
    names = [cell.strip().lower() for cell in rows[0][1]] if rows else []
    places = [place for place, cell in enumerate(names) if cell in HANDLE_NAMES]
    if not places:
        return {"handle": 0}, 0
    found = {"handle": places[0]}
    found |= {str(column): names.index(column) for column in ("state", "note") if column in names}
    return found, 1


def _handle(cell: str) -> str:
    """Return the handle in a cell: with or without @, or the address of a profile."""
    text = cell.strip().removeprefix("'").rpartition("/")[2]
    return text.partition("?")[0].strip().removeprefix("@")


def _cell(cells: Sequence[str], place: int | None) -> str | None:
    return cells[place].strip() if place is not None and place < len(cells) else None


def _state(cell: str | None, name: str, number: int) -> str | None:
    if not cell:
        return None
    if cell.lower() not in STATES:
        msg = f"{name}, row {number:,}: state {one_line(cell, max_characters=40)!r} is none"
        raise ListsError(msg, remedy=f"the states are: {', '.join(STATES)}")
    return cell.lower()


def _note(cell: str | None) -> str | None:
    """Return a note without the apostrophe that an export puts before a formula."""
    if not cell:
        return None
    is_guarded = cell.startswith("'") and formula_safe(cell[1:]) == cell
    return (cell[1:] if is_guarded else cell)[:LONGEST_NOTE]
