"""Scanning JSON, NDJSON and Parquet: cells as text, nested values as JSON, broken records marked."""

from __future__ import annotations

import json
import time
from datetime import UTC, date, datetime
from functools import partial
from gzip import compress
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tiktok_pipeline.warehouse.base import FileFormat, UnreadableFileError, Warehouse
from tiktok_pipeline_tests.warehouse.tables import rows_of

packed = partial(compress, mtime=0)
TWO = [(1, None, "1"), (2, None, "2")]
BROKEN, NO_OBJECT = "no JSON object: broken JSON", "no JSON object but "


def format_of(name: str) -> FileFormat:
    return "ndjson" if ".ndjson" in name else "parquet" if name.endswith(".parquet") else "json"


def scanned(engine: Warehouse, path: Path) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
    with engine.reading(path):
        scan = engine.scan(path, format_of(path.name))
        return scan.header, [tuple(record.values()) for record in rows_of(scan.rows.sort("source_row"))]


RECORDS = [
    ("array.json", b'[{"a":1},{"a":2}]', TWO),
    ("pretty.json", json.dumps([{"a": 1}, {"a": 2}], indent=2).encode(), TWO),
    ("array.json.gz", packed(b'[{"a":1},{"a":2}]'), TWO),
    ("bom.json", b'\xef\xbb\xbf[{"a":1},{"a":2}]', TWO),
    ("lines.json", b'{"a":1}\n{"a":2}\n', TWO),
    ("lines.json.gz", packed(b'\n{"a":1}\n\n{"a":2}'), TWO),
    (
        "long first line.json",
        b'{"a":1,"b":"' + b"x" * 70_000 + b'"}\n{"a":2}\n',
        [(1, None, "1", "x" * 70_000), (2, None, "2", None)],
    ),
    ("array.ndjson", b'[{"a":1},{"a":2}]', TWO),
    ("lines.ndjson", b'{"a":1}\n{"a":2}\n', TWO),
    ("lines.ndjson.gz", packed(b'{"a":1}\n{"a":2}\n'), TWO),
    ("crlf.ndjson", b'{"a":1}\r\n{"a":2}\r\n', TWO),
    ("mixed line ends.ndjson", b'{"a":1}\r\n{"a":2}\n', TWO),
    ("bom.ndjson", b'\xef\xbb\xbf{"a":1}\n{"a":2}\n', TWO),
    ("blank lines.ndjson", b'\n{"a":1}\n\n  \n{"a":2}\n\n', TWO),
    ("broken line.ndjson", b'{"a":1}\n{"a":\n{"a":2}\n', [TWO[0], (2, BROKEN, None), (3, None, "2")]),
    ("broken first.ndjson", b'oops\n{"a":2}\n', [(1, BROKEN, None), TWO[1]]),
    (
        "no objects.ndjson",
        b'1\nnull\n[2]\n{"a":2}\n',
        [
            (1, NO_OBJECT + "a number", None),
            (2, NO_OBJECT + "null", None),
            (3, NO_OBJECT + "a list", None),
            (4, None, "2"),
        ],
    ),
    (
        "no objects.json",
        b'[{"a":1},2,null]',
        [TWO[0], (2, NO_OBJECT + "a number", None), (3, NO_OBJECT + "null", None)],
    ),
    ("nul.ndjson", b'{"a":"x\\u0000"}\n{"a":"\x00"}\n', [(1, None, "x\x00"), (2, BROKEN, None)]),
    (
        "controls.ndjson",
        b'{"a":"\x1f"}\n{"a":"\x02\x1f\x03"}\n{"a":1}\n',
        [(1, BROKEN, None), (2, BROKEN, None), (3, None, "1")],
    ),
    ("half an emoji.ndjson", b'{"a":"\\ud83d"}\n{"a":2}\n', [(1, BROKEN, None), TWO[1]]),
    (
        "digits.ndjson",
        b'{"a":7012345678901234567}\n{"a":123456789012345678901234}\n',
        [(1, None, "7012345678901234567"), (2, None, "123456789012345678901234")],
    ),
    ("nulls.ndjson", b'{"a":null}\n{"a":""}\n{}\n', [(1, None, None), (2, None, ""), (3, None, None)]),
    (
        "nested.json",
        b'[{"a":{"b":[1,"x"]}},{"a":[{"c":null}]},{"a":true}]',
        [(1, None, '{"b":[1,"x"]}'), (2, None, '[{"c":null}]'), (3, None, "true")],
    ),
]


@pytest.mark.parametrize(("name", "content", "expected"), RECORDS, ids=[case[0] for case in RECORDS])
def test_every_json_record_keeps_its_place(
    engine: Warehouse, tmp_path: Path, name: str, content: bytes, expected: list[tuple[Any, ...]]
) -> None:
    (tmp_path / name).write_bytes(content)
    assert scanned(engine, tmp_path / name)[1] == expected


def test_keys_are_collected_over_all_records_in_order(engine: Warehouse, tmp_path: Path) -> None:
    path = tmp_path / "keys.ndjson"
    path.write_text('{"b":1,"a":2}\n{"c":3,"b":4}\nbroken\n{"A":5}\n')
    header, rows = scanned(engine, path)
    assert header == ("b", "a", "c", "A")
    assert [row[2:] for row in rows] == [
        ("1", "2", None, None),
        ("4", None, "3", None),
        (None, None, None, None),
        (None, None, None, "5"),
    ]


def test_hostile_keys_are_only_text(engine: Warehouse, tmp_path: Path) -> None:
    keys = ('"; drop table x', "source_row", "$.a", "/a~b", "*", "", "a.b", "'", "é\n", "0")
    path = tmp_path / "keys.json"
    path.write_text(json.dumps([{key: place for place, key in enumerate(keys)}]))
    assert scanned(engine, path) == (keys, [(1, None, *map(str, range(len(keys))))])


@pytest.mark.parametrize("name", ["big.ndjson", "big.json"])
def test_a_json_cell_of_50_mb_marks_its_row_only(engine: Warehouse, tmp_path: Path, name: str) -> None:
    records = [b'{"a":1}', b'{"a":"' + b"x" * 50_000_000 + b'"}', b'{"a":2}']
    content = b"[" + b",".join(records) + b"]" if name == "big.json" else b"\n".join(records)
    (tmp_path / name).write_bytes(content)
    problems = [row[:2] for row in scanned(engine, tmp_path / name)[1]]
    assert problems == [(1, None), (2, "a cell of 50000000 bytes (at most 1000000)"), (3, None)]


UNREADABLE = [
    ("dict.json", b'{"a":1}', "one JSON object; expected an array of objects, or one object per line"),
    ("pretty dict.json", b'{\n"a":{\n"b":1}\n}\n', "one JSON object"),
    ("dict of lines.json", b'{"data":[\n{"a":1},\n{"a":2}\n]}', "one JSON object"),
    ("number.json", b"3", "one JSON value"),
    ("text.json", b'"abc"', "one JSON value"),
    ("null.json", b"null", "one JSON value"),
    ("page.json", b"<html></html>", "one JSON value"),
    ("empty array.json", b"[]", "no JSON object in it"),
    ("numbers.json", b"[1,2]", "no JSON object in it"),
    ("words.ndjson", b"oops\noops\n", "no JSON object in it"),
    ("empty.json", b"", "the file is empty"),
    ("empty.ndjson", b"\n \n", "the file is empty"),
    ("cut.json", b'[{"a":1},{"a":2},{"a":', "not readable as JSON"),
    ("cut after.json", b'[{"a":1},{"a":2}', "not readable as JSON"),
    ("comma.json", b'[{"a":1},]', "not readable as JSON"),
    ("cut.ndjson.gz", packed(b'{"a":1}\n' * 200_000)[:-50], "the gzip stream is truncated"),
    ("no.json.gz", b'[{"a":1}]', "the gzip stream is truncated or no gzip"),
    ("latin.ndjson", '{"a":"é"}\n'.encode("latin-1"), "the text is not UTF-8"),
    ("late latin.ndjson", b'{"a":1}\n' * 30_000 + '{"a":"é"}\n'.encode("latin-1"), "the text is not UTF-8"),
    ("utf16.json", '[{"a":1}]'.encode("utf-16"), "the text is not UTF-8"),
    ("no.parquet", b"hello", "not a readable Parquet file; write or copy it again"),
    ("empty.parquet", b"", "not a readable Parquet file"),
    ("marks only.parquet", b"PAR1" + b"x" * 100 + b"PAR1", "not a readable Parquet file"),
]


@pytest.mark.parametrize(("name", "content", "reason"), UNREADABLE, ids=[case[0] for case in UNREADABLE])
def test_the_error_of_an_unreadable_file_is_one_line(
    engine: Warehouse, tmp_path: Path, name: str, content: bytes, reason: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UnreadableFileError) as caught:
        scanned(engine, tmp_path / name)
    assert str(caught.value).startswith(f"{name}: {reason}")
    assert str(caught.value).isprintable()


TYPED = pa.table(
    {
        "name": ["x\x00", None],
        "number": [1.0, float("nan")],
        "tiny": [5e-324, 1e22],
        "tags": [["a", 'q"'], []],
        "box": [{"x": 1, "y": "é"}, None],
        "pairs": pa.array([[("k", 1)], None], pa.map_(pa.string(), pa.int64())),
        "at": [datetime(2023, 8, 12, 1, 2, 3), None],  # noqa: DTZ001 - a Parquet time without a zone
        "at_utc": pa.array([datetime(2023, 8, 12, tzinfo=UTC), None], pa.timestamp("us", tz="UTC")),
        "day": [date(2023, 8, 12), None],
        "flag": [True, False],
        "big": pa.array([2**63 - 1, -1]),
        '"; drop table x': ["1", "2"],
        "source_row": ["3", "4"],
    }
)


def test_parquet_values_as_text(engine: Warehouse, tmp_path: Path) -> None:
    path = tmp_path / "typed.parquet"
    pq.write_table(TYPED, path)
    header, rows = scanned(engine, path)
    assert header == tuple(TYPED.column_names)
    first = ["x\x00", "1", "5e-324", '["a","q\\""]', '{"x":1,"y":"é"}', '{"k":1}', "2023-08-12 01:02:03"]
    first += ["2023-08-12 00:00:00+00", "2023-08-12", "true", "9223372036854775807", "1", "3"]
    second = [None, None, "1e+22", "[]", None, None, None, None, None, "false", "-1", "2", "4"]
    assert rows == [(1, None, *first), (2, None, *second)]


def test_parquet_rows_keep_their_order_over_row_groups(engine: Warehouse, tmp_path: Path) -> None:
    path = tmp_path / "groups.parquet"
    pq.write_table(pa.table({"a": list(range(1, 20_001))}), path, row_group_size=1000)
    assert all(row[0] == int(row[2]) for row in scanned(engine, path)[1])


def test_parquet_names_that_differ_by_case_are_both_read(engine: Warehouse, tmp_path: Path) -> None:
    path = tmp_path / "case.parquet"
    pq.write_table(pa.table({"likes": [1], "Likes": [2]}), path)
    header, rows = scanned(engine, path)
    assert (header[0], len(header), rows) == ("likes", 2, [(1, None, "1", "2")])


@pytest.mark.parametrize("damage", ["cut", "overwritten"])
def test_the_error_of_a_damaged_parquet_file_is_one_line(engine: Warehouse, tmp_path: Path, damage: str) -> None:
    path = tmp_path / "damaged.parquet"
    pq.write_table(TYPED, path)
    content = bytearray(path.read_bytes())
    if damage == "cut":
        del content[-100:]
    else:
        content[50:400] = b"\xff" * 350
    path.write_bytes(content)
    with pytest.raises(UnreadableFileError, match=r"^damaged[.]parquet: ") as caught:
        scanned(engine, path)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    "folder", ["region=XX/followers=7", "st*r", "br[ab]", "q?", "**", "cu{a,b}rl", "back\\slash"]
)
@pytest.mark.parametrize("name", ["a.parquet", "a.csv", "a.json", "a.ndjson"])
def test_the_path_of_a_file_is_no_pattern_and_adds_no_columns(
    engine: Warehouse, tmp_path: Path, folder: str, name: str
) -> None:
    (tmp_path / "other").mkdir()
    path = tmp_path / folder / name
    path.parent.mkdir(parents=True)
    for place, cell in ((tmp_path / "other" / name, "2"), (path, "1")):
        if name.endswith("parquet"):
            pq.write_table(pa.table({"followers": [cell]}), place)
        else:
            place.write_text({"a.csv": f"followers,x\n{cell},y\n", "a.json": f'[{{"followers":{cell}}}]'}.get(
                name, f'{{"followers":{cell}}}\n'
            ))  # fmt: skip
    with engine.reading(path):
        scan = engine.scan(path, "csv" if name.endswith("csv") else format_of(name))
        rows = rows_of(scan.rows)
    assert scan.header[0] == "followers"
    assert len(scan.header) == (2 if name == "a.csv" else 1)
    assert [row["cell_0"] for row in rows] == ["1"]


@pytest.mark.parametrize("zone", ["America/Los_Angeles", "Asia/Tokyo"])
def test_a_time_with_a_zone_is_its_instant_in_utc_on_every_machine(
    engine: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, zone: str
) -> None:
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    path = tmp_path / "zone.parquet"
    instant = pa.array([datetime(2024, 5, 6, 0, 30, tzinfo=UTC)], pa.timestamp("us", tz=zone))
    pq.write_table(pa.table({"at": instant}), path)
    try:
        assert scanned(engine, path)[1] == [(1, None, "2024-05-06 00:30:00+00")]
    finally:
        monkeypatch.undo()
        time.tzset()
