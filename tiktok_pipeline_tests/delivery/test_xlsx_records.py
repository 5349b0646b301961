"""Workbooks: cells by their types, the sheets that hold a table, and limits for what expands."""

from __future__ import annotations

import io
import zipfile
from datetime import date, datetime, time, timedelta
from pathlib import Path

import openpyxl
import pytest

from tiktok_pipeline.delivery import worker
from tiktok_pipeline.delivery.xlsx_worker import cell_text, write_sheets
from tiktok_pipeline.warehouse.base import UnreadableFileError
from tiktok_pipeline_tests.delivery.records import cells_of, delivered

Rows = list[list[object]]
TABLE: Rows = [["account_id", "followers"], ["anna", 1], ["ben", 2]]
CELLS = [{"account_id": "anna", "followers": "1"}, {"account_id": "ben", "followers": "2"}]


def workbook(hidden: str = "", **sheets: Rows) -> bytes:
    book = openpyxl.Workbook()
    book.remove(book["Sheet"])
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
        sheet.sheet_state = "hidden" if name == hidden else "visible"
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


CELL_TEXTS: list[tuple[object, str | None]] = [
    (3912.0, "3912"),
    (0.064323, "0.064323"),
    (6.7e18, "6.7e+18"),
    (-0.0, "0"),
    (True, "true"),
    (False, "false"),
    ("", None),
    ("7.0", "7.0"),
    ("=1+1", "=1+1"),
    (datetime(2024, 5, 6), "2024-05-06"),  # noqa: DTZ001 - a sheet knows no zones
    (datetime(2024, 5, 6, 1, 2, 3), "2024-05-06 01:02:03"),  # noqa: DTZ001
    (date(2024, 5, 6), "2024-05-06"),
    (time(1, 2, 3), "01:02:03"),
    (timedelta(hours=30), "1 day, 6:00:00"),
]


@pytest.mark.parametrize(("value", "text"), CELL_TEXTS)
def test_a_cell_is_text_by_its_type(value: object, text: str | None) -> None:
    assert cell_text(value) == text


def test_a_workbook_is_read_by_type(tmp_path: Path) -> None:
    rows: Rows = [
        ["account_id", "followers", "is_verified", "timestamp"],
        ["anna", 3912.0, True, datetime(2024, 5, 6)],  # noqa: DTZ001
        [None, None, None, None],
        ["ben", "1.234", False, None],
    ]
    (table,) = delivered(tmp_path / "a.xlsx", workbook(profiles=rows))
    assert [(record.row, record.line, record.cells) for record in table.records()] == [
        (1, 2, ("anna", "3912", "true", "2024-05-06")),
        (2, 4, ("ben", "1.234", "false", None)),
    ]
    assert (table.layout.container, table.layout.member, table.n_records) == ("xlsx", "profiles", 2)
    assert table.plain_format is None


def stored(content: bytes, value: bytes) -> bytes:
    """Return a workbook in which every formula has this result."""
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as archive, zipfile.ZipFile(stream, "w") as written:
        for entry in archive.infolist():
            part = archive.read(entry).replace(b"</f><v />", b"</f>" + value).replace(b"</f><v/>", b"</f>" + value)
            written.writestr(entry.filename, part)
    return stream.getvalue()


LINKS: Rows = [
    ["account_id", "followers"],
    *([f'=HYPERLINK("https://example.org/{name}","{name}")', 5] for name in ("anna", "ben", "cleo")),
]
SUMS: Rows = [["account_id", "followers"], ["anna", "=1+1"], ["ben", "=2+2"], ["cleo", "=3+3"]]


def test_formulas_give_their_stored_results(tmp_path: Path) -> None:
    (table,) = delivered(tmp_path / "a.xlsx", stored(workbook(profiles=SUMS), b"<v>7</v>"))
    assert [cells["followers"] for cells in cells_of(table) if isinstance(cells, dict)] == ["7"] * 3


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (workbook(profiles=LINKS), "column account_id: 3 formulas without their results, the first in cell A2: =HYP"),
        (stored(workbook(profiles=SUMS), b"<v>0</v>"), "column followers: 3 formulas .* cell B2: =1[+]1; open the"),
        (workbook(profiles=[[None, *row] for row in LINKS]), "column account_id: 3 formulas .* the first in cell B2"),
    ],
    ids=["links", "zeros that a program stored", "columns that start at B"],
)
def test_formulas_that_no_program_computed_are_refused(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(UnreadableFileError, match=message):
        delivered(tmp_path / "a.xlsx", content)


@pytest.mark.parametrize(
    "rows",
    [
        [*TABLE, ["Total", "=SUM(B2:B3)"]],
        [[*TABLE[0], "note"], *([*row, "=1+1"] for row in TABLE[1:])],
    ],
    ids=["a total", "a column that no dialect knows"],
)
def test_other_formulas_without_results_do_no_harm(tmp_path: Path, rows: Rows) -> None:
    (table,) = delivered(tmp_path / "a.xlsx", workbook(profiles=rows))
    assert cells_of(table)[:2] == CELLS


def test_rows_above_the_header_are_skipped_and_counted(tmp_path: Path) -> None:
    rows: Rows = [["Report of May"], [], ["made", "2024-05-06"], [None, "account_id", "followers"], [None, "anna", 1]]
    (table,) = delivered(tmp_path / "a.xlsx", workbook(profiles=rows))
    assert (table.header, cells_of(table)) == (("account_id", "followers"), CELLS[:1])
    assert table.layout.notes == ("2 rows above the header are skipped",)


def test_only_sheets_with_a_table_are_read(tmp_path: Path) -> None:
    notes: Rows = [["These are the creators of May."], ["Ask Kim."]]
    (table,) = delivered(tmp_path / "a.xlsx", workbook(notes=notes, empty=[], creators=TABLE))
    assert (table.name, table.layout.member, cells_of(table)) == ("a.xlsx", "creators", CELLS)


def test_every_sheet_with_known_columns_is_a_table(tmp_path: Path) -> None:
    other: Rows = [["color", "weight"], ["red", "heavy"]]
    tables = delivered(tmp_path / "a.xlsx", workbook(hidden="old", may=TABLE, other=other, june=TABLE, old=TABLE))
    assert [table.name for table in tables] == ["a.xlsx: sheet may", "a.xlsx: sheet june"]
    interleaved = zip(tables[0].records(), tables[1].records(), strict=True)
    assert all(left == right for left, right in interleaved)


def test_equal_columns_are_one_and_different_ones_are_named(tmp_path: Path) -> None:
    equal: Rows = [["account_id", "likes", "Likes"], ["anna", 1, 1]]
    different: Rows = [["account_id", "likes", "likes"], ["anna", 1, 2]]
    (merged,) = delivered(tmp_path / "a.xlsx", workbook(a=equal))
    (named,) = delivered(tmp_path / "b.xlsx", workbook(a=different))
    assert (merged.header, merged.conflicts) == (("account_id", "likes"), ())
    assert named.conflicts == ("likes", "likes (3)")


def test_a_cell_beyond_the_last_column_damages_its_row(tmp_path: Path) -> None:
    rows: Rows = [*TABLE, *[["cleo", 3]] * 10, ["dora", 4, "x"]]
    (table,) = delivered(tmp_path / "a.xlsx", workbook(a=rows))
    *_, last = table.records()
    assert (last.problem, set(last.cells)) == ("1 cell beyond the last column", {None})


def test_a_workbook_without_a_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFileError, match=r"a[.]xlsx: no sheet holds a table"):
        delivered(tmp_path / "a.xlsx", workbook(a=[["only one cell"]], b=[["account_id", "followers"]]))


def test_a_broken_workbook_is_refused_in_one_line(tmp_path: Path) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("xl/workbook.xml", "<broken")
    with pytest.raises(UnreadableFileError, match=r"^a[.]xlsx: the file is truncated or damaged"):
        delivered(tmp_path / "a.xlsx", stream.getvalue())


def test_a_workbook_that_needs_too_much_memory_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One long text, 2,000 times: a file of 20 kB whose cells take 64 MB."""
    rows: Rows = [["account_id", "followers"], *(["x" * 32_000, number] for number in range(2_000))]
    content = workbook(a=rows)
    monkeypatch.setattr(worker, "MEMORY_BYTES", 60 * 2**20)
    with pytest.raises(UnreadableFileError, match="expands to more than its size allows"):
        delivered(tmp_path / "a.xlsx", content)


def test_a_workbook_that_takes_too_long_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tiktok_pipeline.delivery.xlsx_records._SECONDS", 0.001)
    with pytest.raises(UnreadableFileError, match="takes longer than"):
        delivered(tmp_path / "a.xlsx", workbook(a=TABLE))


def test_the_worker_stops_at_its_limit_of_text() -> None:
    written = io.StringIO()
    write_sheets(io.BytesIO(workbook(a=TABLE)), written, largest_bytes=1_000)
    assert written.getvalue().splitlines()[1:] == [
        '[1,["account_id","followers"]]',
        '[2,["anna","1"]]',
        '[3,["ben","2"]]',
    ]
    with pytest.raises(MemoryError):
        write_sheets(io.BytesIO(workbook(a=TABLE)), io.StringIO(), largest_bytes=40)


@pytest.mark.parametrize(
    ("below", "names", "note"),
    [
        ([["Total", 3, 4]], ["anna", "ben"], "1 total below the rows is skipped"),
        ([["Gesamtergebnis", 3, 4], ["Mittelwert", 2, 2]], ["anna", "ben"], "2 totals below the rows are skipped"),
        ([["total", 3, 4]], ["anna", "ben", "total"], None),
        ([["Total", 3, 4], ["cleo", 1, 1]], ["anna", "ben", "Total", "cleo"], None),
    ],
)
def test_totals_below_the_rows_are_no_creators(
    tmp_path: Path, below: Rows, names: list[str], note: str | None
) -> None:
    rows: Rows = [["account_id", "followers", "likes"], ["anna", 1, 2], ["ben", 2, 2], *below]
    (table,) = delivered(tmp_path / "a.xlsx", workbook(profiles=rows))
    assert [record.cells[0] for record in table.records()] == names
    assert table.n_records == len(names)
    assert table.layout.notes == ((note,) if note else ())
