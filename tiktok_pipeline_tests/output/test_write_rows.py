"""Files for other programs: values keep their types, hostile texts stay texts, no file is written in part."""

from __future__ import annotations

import csv
import json
import math
import os
import stat
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from tiktok_pipeline.output import write_rows as export
from tiktok_pipeline.output.write_rows import ENDINGS, ExportRefusedError, Written, write_file
from tiktok_pipeline.safe_text import formula_safe, multi_line
from tiktok_pipeline_tests.hypothesis_profiles import examples

HOSTILE = [
    '=HYPERLINK("http://x","y")',
    "+1",
    "-1",
    "@x",
    "\t=1",
    "\tplain",
    "\r=1",
    "\rplain",
    "\n@x",
    "  =1+1",
    "\u00a0=1",
    "\u3000＝1",
    "＝1+1",
    "＋1",
    "－1",
    "＠SUM(A1)",
    "﹦1",
    "﹢1",
    "﹣1",
    "﹫x",
    "\ufeff=1",
    "\u200b=1",
    "\u202e=1",
    "\x00=1",
    "\x1b \x07-1",
    "-",
]
FORMULA_STARTS = ("=", "+", "-", "@", "＝", "＋", "－", "＠")


def write(target: Path, table: pa.Table, *, rows_per_batch: int = 2, **more: Any) -> Written:
    batches = table.to_batches(max_chunksize=rows_per_batch)
    return write_file(target, table.schema, batches, guard=formula_safe, **more)


def texts(*values: str | None) -> pa.Table:
    return pa.table({"account_id": pa.array(values, pa.string())})


def csv_rows(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def xlsx_cells(path: Path) -> list[list[Any]]:
    book = openpyxl.load_workbook(path)
    try:
        (sheet,) = book.worksheets
        return [list(row) for row in sheet.iter_rows()]
    finally:
        book.close()


def xlsx_rows(path: Path) -> list[list[Any]]:
    return [[cell.value for cell in row] for row in xlsx_cells(path)]


TYPED = pa.table(
    {
        "account_id": ["0012", "6000000000000000000", None],
        "followers": pa.array([10**15, -3, None], pa.int64()),
        "margin": pa.array([0.951376497709, -1e-9, None], pa.float64()),
        "is_verified": pa.array([True, False, None], pa.bool_()),
        "observed_on": pa.array([date(2024, 2, 29), date(1900, 3, 1), None], pa.date32()),
        "ingested_at": pa.array([datetime(2024, 1, 2, 3, 4, 5), datetime(2023, 8, 12), None], pa.timestamp("us")),  # noqa: DTZ001
        "nickname": ["日本 عربي 🎬", 'two\nlines, "quoted"; more', ""],
    }
)


def test_csv_holds_every_value_as_a_parser_reads_it(tmp_path: Path) -> None:
    assert write(tmp_path / "a.csv", TYPED) == Written(3)
    assert csv_rows(tmp_path / "a.csv") == [
        ["account_id", "followers", "margin", "is_verified", "observed_on", "ingested_at", "nickname"],
        [
            "0012",
            "1000000000000000",
            "0.951376497709",
            "true",
            "2024-02-29",
            "2024-01-02T03:04:05",
            "日本 عربي 🎬",
        ],
        [
            "6000000000000000000",
            "-3",
            "-1e-09",
            "false",
            "1900-03-01",
            "2023-08-12T00:00:00",
            'two\nlines, "quoted"; more',
        ],
        ["", "", "", "", "", "", ""],
    ]


def test_xlsx_holds_numbers_booleans_days_and_texts(tmp_path: Path) -> None:
    assert write(tmp_path / "a.xlsx", TYPED) == Written(3)
    header, first, second, third = xlsx_cells(tmp_path / "a.xlsx")
    assert [cell.value for cell in header] == TYPED.column_names
    assert [(cell.value, cell.data_type) for cell in first] == [
        ("0012", "s"),
        (10**15, "n"),
        (0.951376497709, "n"),
        (True, "b"),
        (datetime(2024, 2, 29), "d"),  # noqa: DTZ001
        (datetime(2024, 1, 2, 3, 4, 5), "d"),  # noqa: DTZ001
        ("日本 عربي 🎬", "s"),
    ]
    assert first[4].number_format == "yyyy-mm-dd"
    assert [cell.value for cell in second] == [
        "6000000000000000000",
        -3,
        -1e-9,
        False,
        datetime(1900, 3, 1),  # noqa: DTZ001
        datetime(2023, 8, 12),  # noqa: DTZ001
        'two\nlines, "quoted"; more',
    ]
    assert [cell.value for cell in third[:6]] == [None] * 6
    assert third[6].value in ("", None)


def test_parquet_holds_every_value_as_it_is(tmp_path: Path) -> None:
    table = TYPED.append_column("hostile", pa.array(["=1+1", "\x00\ta", None]))
    assert write(tmp_path / "a.parquet", table) == Written(3)
    written = parquet.read_table(tmp_path / "a.parquet")
    assert written.schema == table.schema
    assert written.to_pylist() == table.to_pylist()


@pytest.mark.parametrize("ending", ENDINGS)
def test_without_rows_a_file_has_its_header(tmp_path: Path, ending: str) -> None:
    target = tmp_path / f"a{ending}"
    assert write_file(target, TYPED.schema, [], guard=formula_safe) == Written(0)
    if ending == ".parquet":
        assert parquet.read_table(target).equals(TYPED.slice(0, 0))
    elif ending == ".json":
        assert json.loads(target.read_text(encoding="utf-8")) == []
    else:
        assert (csv_rows if ending == ".csv" else xlsx_rows)(target) == [TYPED.column_names]


def test_json_holds_numbers_as_numbers_and_no_hidden_character(tmp_path: Path) -> None:
    table = pa.table({"margin": [0.25, math.nan, None], "text": ["=1+1", "a\u202eb", "two\nlines"]})
    assert write(tmp_path / "a.json", table) == Written(3)
    text = (tmp_path / "a.json").read_text(encoding="utf-8")
    assert json.loads(text) == [
        {"margin": 0.25, "text": "=1+1"},
        {"margin": None, "text": "a\u202eb"},
        {"margin": None, "text": "two\nlines"},
    ]
    assert "\u202e" not in text


def test_values_without_a_cell_type_are_empty_or_text(tmp_path: Path) -> None:
    table = pa.table(
        {
            "margin": [math.nan, math.inf, -math.inf],
            "reasons": pa.array([["a", "=b"], [], None], pa.list_(pa.string())),
            "share": pa.array([Decimal("-1.50"), Decimal("0.25"), None], pa.decimal128(5, 2)),
            "day": [date(1899, 12, 31), date(1900, 2, 28), date(1, 1, 1)],
            "at": pa.array([datetime(2024, 1, 2), None, None], pa.timestamp("us", tz="UTC")),  # noqa: DTZ001
        }
    )
    expected = [
        [None, '["a", "=b"]', "'-1.50", "1899-12-31", "2024-01-02T00:00:00+00:00"],
        [None, "[]", "0.25", "1900-02-28", None],
        [None, None, None, "0001-01-01", None],
    ]
    write(tmp_path / "a.csv", table)
    write(tmp_path / "a.xlsx", table)
    assert xlsx_rows(tmp_path / "a.xlsx")[1:] == expected
    assert csv_rows(tmp_path / "a.csv")[1:] == [[cell or "" for cell in row] for row in expected]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_spreadsheet_runs_no_text(tmp_path: Path, text: str) -> None:
    table = pa.table({"=1": [text], "followers": [-1]})
    write(tmp_path / "a.csv", table)
    write(tmp_path / "a.xlsx", table)
    expected = f"'{multi_line(text)}"
    assert csv_rows(tmp_path / "a.csv") == [["'=1", "followers"], [expected, "-1"]]
    header, row = xlsx_cells(tmp_path / "a.xlsx")
    assert (header[0].value, header[0].data_type) == ("'=1", "s")
    assert [(cell.value, cell.data_type) for cell in row] == [(expected, "s"), (-1, "n")]


@pytest.mark.parametrize(
    "text", ["plain", "a=b", "say -1", "日本", "'quoted'", "#N/A", "#REF!", "1e5", "TRUE", "2024-01-02"]
)
def test_a_harmless_text_stays_as_it_is_and_a_text(tmp_path: Path, text: str) -> None:
    write(tmp_path / "a.csv", texts(text))
    write(tmp_path / "a.xlsx", texts(text))
    assert csv_rows(tmp_path / "a.csv")[1] == [text]
    ((cell,),) = xlsx_cells(tmp_path / "a.xlsx")[1:]
    assert (cell.value, cell.data_type) == (text, "s")


def test_control_characters_are_removed(tmp_path: Path) -> None:
    table = texts("a\x00b\x0bc\x1fd\x7fe\x9ff\u202eg\u2066h\ufffei\uffffj", "1\r\n2\r3\u20284\x855", "tab\tstays")
    write(tmp_path / "a.csv", table)
    write(tmp_path / "a.xlsx", table)
    expected = [["abcdefghij"], ["1\n2\n3\n4\n5"], ["tab\tstays"]]
    assert csv_rows(tmp_path / "a.csv")[1:] == expected
    assert xlsx_rows(tmp_path / "a.xlsx")[1:] == expected


def test_a_text_that_spells_an_escape_of_xlsx_is_not_an_escape(tmp_path: Path) -> None:
    write(tmp_path / "a.xlsx", texts("_x003D_1+1", "_x_ and _x12_"))
    # Excel reads _x005F_ as _; openpyxl leaves it.
    assert xlsx_rows(tmp_path / "a.xlsx")[1:] == [["_x005F_x003D_1+1"], ["_x_ and _x12_"]]


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("a" * 32_767, "a" * 32_767),
        ("a" * 32_768, "a" * (32_767 - 30) + " [cut here: 32,768 characters]"),
        ("🎬" * 16_384, "🎬" * ((32_767 - 30) // 2) + " [cut here: 16,384 characters]"),
        ("=" + "1" * 32_766, "'=" + "1" * (32_765 - 30) + " [cut here: 32,768 characters]"),
    ],
)
def test_a_text_too_long_for_a_cell_is_cut_and_says_so(tmp_path: Path, text: str, kept: str) -> None:
    is_cut = kept != text
    assert write(tmp_path / "a.xlsx", texts(text, "short")) == Written(2, cut=int(is_cut))
    assert xlsx_rows(tmp_path / "a.xlsx")[1:] == [[kept], ["short"]]
    assert write(tmp_path / "a.csv", texts(text)) == Written(1)
    with (tmp_path / "a.csv").open(encoding="utf-8") as file:
        assert len(file.read()) == len("account_id\n") + len(str(formula_safe(text))) + 1


STARTS = st.sampled_from(
    [*"=+-@\t\r\n ';＝＋－＠﹦", "\u00a0", "\ufeff", "\u200b", "\u3000", "\x00", "\u202e", "\x1c"]
)
TEXTS = st.builds("{}{}".format, st.text(STARTS, max_size=4), st.text(max_size=12))


@settings(deadline=None, max_examples=examples(60), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(TEXTS, min_size=1, max_size=20))
@example(HOSTILE)
def test_no_cell_starts_like_a_formula(tmp_path: Path, values: list[str]) -> None:
    write(tmp_path / "a.csv", texts(*values), overwrite=True)
    write(tmp_path / "a.xlsx", texts(*values), overwrite=True)
    in_csv = [row[0] for row in csv_rows(tmp_path / "a.csv")[1:]]
    in_xlsx = [row[0] for row in xlsx_cells(tmp_path / "a.xlsx")[1:]]
    assert len(in_csv) == len(in_xlsx) == len(values)
    for value, text, cell in zip(values, in_csv, in_xlsx, strict=True):
        assert not text.strip().startswith(FORMULA_STARTS)
        assert not text.startswith(("\t", "\r", "\n"))
        assert not any(part.strip().startswith(FORMULA_STARTS) for part in text.split(";"))
        assert text.replace("'", "") == multi_line(value).replace("'", "")
        assert cell.data_type == ("s" if text else "inlineStr")
        assert not str(cell.value or "").strip().startswith(FORMULA_STARTS)


@settings(deadline=None, max_examples=examples(60), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(
            st.none() | st.integers(-(2**53), 2**53),
            st.none() | st.floats(allow_nan=False, allow_infinity=False),
            st.none() | st.booleans(),
            st.none() | st.dates(date(1900, 3, 1)),
            st.text(st.characters(codec="utf-8")),
        ),
        min_size=1,
        max_size=10,
    )
)
def test_values_come_back_from_every_format(tmp_path: Path, rows: list[tuple[Any, ...]]) -> None:
    types = [pa.int64(), pa.float64(), pa.bool_(), pa.date32(), pa.string()]
    columns = [pa.array(column, type_) for column, type_ in zip(zip(*rows, strict=True), types, strict=True)]
    table = pa.table(columns, names=["followers", "margin", "in_fit", "observed_on", "nickname"])
    for ending in ENDINGS:
        write(tmp_path / f"a{ending}", table, overwrite=True)
    assert [tuple(row.values()) for row in parquet.read_table(tmp_path / "a.parquet").to_pylist()] == rows
    spelled = {"true": True, "false": False, "": None}
    from_csv = [
        (
            int(count) if count else None,
            float(margin) if margin else None,
            spelled[in_fit],
            date.fromisoformat(day) if day else None,
        )
        for count, margin, in_fit, day, _ in csv_rows(tmp_path / "a.csv")[1:]
    ]
    from_xlsx = [
        (count, margin, in_fit, day.date() if isinstance(day, datetime) else day)
        for count, margin, in_fit, day, _ in xlsx_rows(tmp_path / "a.xlsx")[1:]
    ]
    assert from_csv == [row[:4] for row in rows]
    in_16_digits = [
        None if margin is None else float(f"{margin:.16g}") for _, margin, *_ in rows
    ]  # as openpyxl writes
    assert from_xlsx == [(row[0], margin, *row[2:4]) for row, margin in zip(rows, in_16_digits, strict=True)]
    assert all(in_fit is None or isinstance(in_fit, bool) for _, _, in_fit, _ in from_xlsx)


@pytest.mark.parametrize("name", ["a.txt", "a", "a.csv.gz", ".csv", "a.xls", "csv"])
def test_an_unknown_ending_is_refused_with_the_known_ones(tmp_path: Path, name: str) -> None:
    with pytest.raises(ExportRefusedError, match=r"expected a file that ends in \.csv, \.xlsx, \.parquet or \.json"):
        write(tmp_path / name, TYPED)
    assert list(tmp_path.iterdir()) == []


def test_an_ending_may_be_in_capitals(tmp_path: Path) -> None:
    write(tmp_path / "A.XLSX", TYPED)
    assert len(xlsx_rows(tmp_path / "A.XLSX")) == 4


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_file_is_replaced_only_when_asked(tmp_path: Path, ending: str) -> None:
    target = tmp_path / f"a{ending}"
    target.write_text("mine", encoding="utf-8")
    with pytest.raises(ExportRefusedError, match=r"already exists; .*--overwrite"):
        write(target, TYPED)
    assert target.read_text(encoding="utf-8") == "mine"
    write(target, TYPED, overwrite=True)
    assert b"0012" in target.read_bytes() or ending == ".xlsx"
    assert [path.name for path in tmp_path.iterdir()] == [target.name]


def test_a_file_created_during_the_write_is_kept(tmp_path: Path) -> None:
    target = tmp_path / "a.csv"

    def batches() -> Iterator[pa.RecordBatch]:
        yield from TYPED.to_batches()
        target.write_text("theirs", encoding="utf-8")

    with pytest.raises(ExportRefusedError, match="already exists"):
        write_file(target, TYPED.schema, batches(), guard=formula_safe)
    assert target.read_text(encoding="utf-8") == "theirs"
    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]


def test_a_dangling_link_counts_as_a_file(tmp_path: Path) -> None:
    (tmp_path / "a.csv").symlink_to(tmp_path / "nowhere")
    with pytest.raises(ExportRefusedError, match="already exists"):
        write(tmp_path / "a.csv", TYPED)


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("interruption", [KeyboardInterrupt, ValueError, MemoryError])
@pytest.mark.parametrize("exists", [True, False])
def test_an_interrupted_write_leaves_the_old_content(
    tmp_path: Path, ending: str, interruption: type[BaseException], exists: bool
) -> None:
    target = tmp_path / f"a{ending}"
    if exists:
        target.write_text("mine", encoding="utf-8")

    def batches() -> Iterator[pa.RecordBatch]:
        yield from TYPED.to_batches(max_chunksize=1)
        assert any(path.name.endswith(".draft") for path in tmp_path.iterdir()), "the draft is in the same folder"
        raise interruption

    with pytest.raises(interruption):
        write_file(target, TYPED.schema, batches(), guard=formula_safe, overwrite=exists)
    assert [path.name for path in tmp_path.iterdir()] == ([target.name] if exists else [])
    assert not exists or target.read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_write_that_fails_at_the_last_step_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write(tmp_path / f"a{ending}", TYPED)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_and_a_missing_folder_are_refused(tmp_path: Path) -> None:
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(ExportRefusedError, match="this is a folder; name a file in it"):
        write(tmp_path / "folder.csv", TYPED, overwrite=True)
    with pytest.raises(ExportRefusedError, match=r"the folder .*nowhere does not exist; create it first"):
        write(tmp_path / "nowhere" / "a.csv", TYPED)


def test_a_file_has_the_permissions_of_a_new_file(tmp_path: Path) -> None:
    (tmp_path / "new").touch()
    write(tmp_path / "a.csv", TYPED)
    assert stat.S_IMODE((tmp_path / "a.csv").stat().st_mode) == stat.S_IMODE((tmp_path / "new").stat().st_mode)


@pytest.mark.parametrize(("ending", "refused"), [(".xlsx", True), (".csv", False), (".parquet", False)])
def test_only_xlsx_has_a_maximum_of_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str, refused: bool
) -> None:
    assert export.MAX_XLSX_ROWS == 2**20 - 1
    monkeypatch.setattr(export, "MAX_XLSX_ROWS", 3)
    target = tmp_path / f"a{ending}"
    assert write(target, texts(*"abc")) == Written(3)
    if refused:
        with pytest.raises(ExportRefusedError, match=r"at most 3 rows, and there are 4; write a \.parquet or"):
            write(target, texts(*"abcd"), overwrite=True)
    else:
        assert write(target, texts(*"abcd"), overwrite=True) == Written(4)


def test_batches_are_written_before_the_next_is_read(tmp_path: Path) -> None:
    alive: list[int] = []

    class Batch:
        num_rows = 1

        def __init__(self) -> None:
            alive.append(1)
            self.columns: Sequence[pa.Array] = [pa.array(["x"])]

        def __del__(self) -> None:
            alive.pop()

    def batches() -> Iterator[Any]:
        for _ in range(50):
            assert len(alive) <= 1
            yield Batch()

    for ending in (".csv", ".xlsx"):
        assert write_file(tmp_path / f"a{ending}", texts().schema, batches(), guard=formula_safe) == Written(50)
