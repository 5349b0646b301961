"""JSON in any form becomes records: numbers exactly, nested objects by path, damage confined to its record."""

from __future__ import annotations

import io
import json
import random
import zlib
from pathlib import Path
from typing import Any

import pytest

from tiktok_pipeline.delivery.convert import write_text_parquet
from tiktok_pipeline.delivery.json_records import is_json, open_json
from tiktok_pipeline.delivery.tables import DeliveredTable
from tiktok_pipeline.warehouse.base import UnreadableFileError
from tiktok_pipeline_tests.delivery.records import cells_of, delivered, knows, source_of

TWO = [{"account_id": "anna", "followers": 1}, {"account_id": "ben", "followers": 2}]
TWO_CELLS = [{"account_id": "anna", "followers": "1"}, {"account_id": "ben", "followers": "2"}]


def read(text: str | bytes) -> DeliveredTable:
    content = text.encode() if isinstance(text, str) else text
    return open_json(source_of(content), name="file.json", knows=knows)


def lines(*records: Any) -> str:
    return "\n".join(map(json.dumps, records))


FORMS = [
    ("array", json.dumps(TWO), "json"),
    ("pretty array", json.dumps(TWO, indent=2), "json"),
    ("lines", lines(*TWO), "ndjson"),
    ("lines with CRLF", lines(*TWO).replace("\n", "\r\n"), "ndjson"),
    ("lines with CR", lines(*TWO).replace("\n", "\r"), None),
    ("lines with commas", ",\n".join(map(json.dumps, TWO)) + ",\n", None),
    ("two objects a line", "".join(map(json.dumps, TWO)), None),
    ("pretty objects", "\n".join(json.dumps(record, indent=1) for record in TWO), None),
    ("byte order mark", "\ufeff" + json.dumps(TWO), "json"),
    ("trailing comma", json.dumps(TWO)[:-1] + ",]", None),
    ("no comma", json.dumps(TWO).replace("}, {", "} {"), None),
    ("two arrays", json.dumps(TWO[:1]) + json.dumps(TWO[1:]), None),
    ("pages in an array", json.dumps([TWO[:1], TWO[1:]]), None),
    ("wrapped", json.dumps({"ok": True, "data": TWO, "n": 2}), None),
    ("wrapped twice", json.dumps({"data": {"users": TWO, "cursor": 2}, "error": {"code": "ok"}}), None),
    ("pages on lines", lines({"users": TWO[:1], "cursor": 1}, {"users": TWO[1:], "cursor": 2}), None),
    ("numbered pages on lines", lines({"page": 1, "users": TWO[:1]}, {"page": 2, "users": TWO[1:]}), None),
    ("numbered pages in an array", json.dumps([{"page": 1, "data": TWO[:1]}, {"page": 2, "data": TWO[1:]}]), None),
    (
        "export of MongoDB",
        json.dumps([{**user, "followers": {"$numberLong": str(user["followers"])}} for user in TWO]),
        None,
    ),
    ("beside a list of other objects", json.dumps({"includes": [{"a": 1}], "data": TWO}), None),
    ("split", json.dumps({"columns": list(TWO[0]), "index": [0, 1], "data": [["anna", 1], ["ben", 2]]}), None),
    ("table", json.dumps({"schema": {"fields": [{"name": "likes"}, {"name": "id"}]}, "data": TWO}), None),
    ("lists of cells", json.dumps([list(TWO[0]), ["anna", 1], ["ben", 2]]), None),
    ("wrapped lists of cells", json.dumps({"values": [list(TWO[0]), ["anna", 1], ["ben", 2]]}), None),
    ("columns", json.dumps({"account_id": {"0": "anna", "1": "ben"}, "followers": {"0": 1, "1": 2}}), None),
    ("index", json.dumps({"0": TWO[0], "1": TWO[1]}), None),
    ("lists", json.dumps({name: [record[name] for record in TWO] for name in TWO[0]}), None),
    (
        "wrapped lists",
        json.dumps({"ok": 1, "data": {key: [two[key] for two in TWO] for key in TWO[0]}, "n": 2}),
        None,
    ),
    (
        "names in objects",
        json.dumps({"meta": [{"name": key} for key in TWO[0]], "data": [["anna", 1], ["ben", 2]]}),
        None,
    ),
    ("utf-16", json.dumps(TWO).encode("utf-16"), None),
]


@pytest.mark.parametrize(("text", "plain_format"), [form[1:] for form in FORMS], ids=[form[0] for form in FORMS])
def test_every_form_of_json_gives_the_same_records(text: str | bytes, plain_format: str | None) -> None:
    table = read(text)
    assert cells_of(table) == TWO_CELLS
    assert (table.plain_format, table.n_records, table.header) == (plain_format, 2, ("account_id", "followers"))


def test_the_layout_names_what_is_not_plain() -> None:
    assert read(json.dumps({"data": TWO})).layout.notes == ("the records are in the list data",)
    assert read(lines(*TWO)).layout.container == "json lines"
    assert read(json.dumps(TWO).encode("utf-16")).layout.encoding == "utf-16"


def test_a_label_that_is_no_number_becomes_a_column() -> None:
    assert cells_of(
        read(json.dumps({"anna": {"followers": 1, "likes": 2}, "ben": {"followers": 2, "likes": 3}}))
    ) == [
        {"index": "anna", "followers": "1", "likes": "2"},
        {"index": "ben", "followers": "2", "likes": "3"},
    ]


def test_records_by_their_labels_inside_a_document() -> None:
    table = read(json.dumps({"app": {"users": {"-Na": TWO[0], "-Nb": TWO[1]}}, "version": 2}))
    assert cells_of(table) == [{"index": "-Na", **TWO_CELLS[0]}, {"index": "-Nb", **TWO_CELLS[1]}]


UNFIT = [
    (
        {"account_id": ["anna", "ben"], "followers": [1]},
        "account_id has 2 cells and followers has 1; export one object",
    ),
    ({"table": {"cols": [{"id": "A", "label": "followers"}], "rows": [{"c": [{"v": 1}]}]}}, "the table of a chart"),
]


@pytest.mark.parametrize(("document", "message"), UNFIT)
def test_documents_in_which_no_cell_has_a_certain_record_are_refused(document: object, message: str) -> None:
    with pytest.raises(UnreadableFileError, match=message):
        read(json.dumps(document))


def test_a_record_with_lists_is_no_table_of_lists() -> None:
    record = {"account_id": "anna", "followers": 5, "likes": [1, 2], "id": ["a", "b"]}
    assert cells_of(read(json.dumps(record, indent=1))) == [
        {"account_id": "anna", "followers": "5", "likes": "[1,2]", "id": '["a","b"]'}
    ]


def test_a_record_with_a_list_of_objects_is_no_wrapper() -> None:
    profile = {"account_id": "anna", "followers": 1, "top_videos": [{"id": "7", "plays": 5}]}
    cells = {"account_id": "anna", "followers": "1", "top_videos": '[{"id":"7","plays":5}]'}
    assert cells_of(read(json.dumps(profile, indent=1))) == [cells]
    assert cells_of(read(lines(profile, profile))) == [cells, cells]
    assert cells_of(read(json.dumps([profile, profile]))) == [cells, cells]


def test_one_reply_a_line_is_one_record() -> None:
    table = read(lines(*({"data": {"followers": number}, "error": {"code": "ok"}} for number in (1, 2))))
    assert table.header == ("data.followers", "error.code")
    assert [record.cells for record in table.records()] == [("1", "ok"), ("2", "ok")]


VALUES = [
    ("6700000001234567891", "6700000001234567891"),
    ("123456789012345678901234567890", "123456789012345678901234567890"),
    ("4.0", "4"),
    ("2907000000.0", "2907000000"),
    ("1.5E+03", "1500"),
    ("1.5E+00", "1.5"),
    ("0.10", "0.10"),
    ("6.7e+18", "6.7e+18"),
    ("6700000001234567168.0", "6700000001234567168.0"),
    ("9007199254740993.5", "9007199254740993.5"),
    ("-0.0", "0"),
    ("true", "true"),
    ('""', ""),
    ('"7.0"', "7.0"),
    ("NaN", None),
    ("null", None),
    ("Infinity", "Infinity"),
    ('["a", 1, null]', '["a",1,null]'),
    ('[{"likes": 12345678901234567890}]', '[{"likes":12345678901234567890}]'),
    ('"a\tb"', "a\tb"),
]


@pytest.mark.parametrize(("value", "cell"), VALUES)
def test_a_value_keeps_its_exact_text(value: str, cell: str | None) -> None:
    (record,) = read(f'[{{"id": {value}, "account_id": "anna"}}]').records()
    assert (record.cells, record.problem) == ((cell, "anna"), None)


@pytest.mark.parametrize("value", ["4.0", "NaN", "{}", '{"a": 1}', '"\\ud83d"', '1, "id": 1', '"a\tb"'])
def test_what_the_engine_would_read_otherwise_is_not_plain(value: str) -> None:
    assert read(f'[{{"account_id": "anna", "id": {value}}}]').plain_format is None


def test_nested_objects_become_paths_and_their_nulls_disappear() -> None:
    table = read(lines({"id": 1, "stats": {"likes": 2, "of": {"fans": 3}}}, {"id": 2, "stats": None}))
    assert table.header == ("id", "stats.likes", "stats.of.fans")
    assert [record.cells for record in table.records()] == [("1", "2", "3"), ("2", None, None)]


@pytest.mark.parametrize(
    "record",
    ['{"id": 1, "id": 2}', '{"id": 1, "id": "1"}', '{"a.b": 1, "a": {"b": 2}}', '{"x": [{"id": 1, "id": 2}]}'],
)
def test_a_key_with_two_values_damages_its_record(record: str) -> None:
    first, second = read(f'{record}\n{{"id": 3}}').records()
    assert first.problem is not None
    assert "one key occurs twice with different values" in first.problem
    assert set(first.cells) == {None}
    assert second.problem is None


def test_a_key_with_the_same_value_twice_is_one() -> None:
    assert cells_of(read('[{"id": 1, "id": 1}]')) == [{"id": "1"}]


def test_keys_that_differ_by_case_are_merged_or_named() -> None:
    merged = read(lines({"likes": 1}, {"Likes": 2}))
    assert (merged.header, cells_of(merged)) == (("likes",), [{"likes": "1"}, {"likes": "2"}])
    assert read(lines({"likes": 1, "Likes": 2})).conflicts == ("likes", "Likes")


def test_a_line_that_is_no_object_is_a_damaged_record() -> None:
    table = read('{"id": 1}\n{"id":\n[1]\n"x"\nnull\noops {"a": 1}\n{"id": 2}\n')
    assert [(record.line, record.problem) for record in table.records() if record.problem] == [
        (2, "no JSON object: the record is cut off"),
        (3, "no JSON object but a list"),
        (4, "no JSON object but a text"),
        (5, "no JSON object but null"),
        (6, "no JSON object: broken JSON, expecting value"),
    ]
    assert (table.plain_format, table.n_records) == (None, 7)


def test_bytes_that_are_no_utf8_damage_their_record_only() -> None:
    table = read('{"id": "é ü ñ ç"}\n{"id": "'.encode() + b'\xff"}\n{"id": 3}\n')
    assert cells_of(table) == [{"id": "é ü ñ ç"}, "no JSON object: the text is not UTF-8", {"id": "3"}]


@pytest.mark.parametrize("form", ["array", "wrapped", "pretty"])
def test_a_cut_text_keeps_its_complete_records(form: str) -> None:
    text = {
        "array": json.dumps(TWO * 3),
        "wrapped": json.dumps({"data": TWO * 3}),
        "pretty": json.dumps(TWO * 3, indent=1),
    }
    *complete, torn = cells_of(table := read(text[form][: text[form].rindex("ben") + 2]))
    assert complete == [*TWO_CELLS * 2, TWO_CELLS[0]]
    assert torn == "no JSON object: the record is cut off"
    assert "the text ends inside the list of records" in table.layout.notes


def test_no_problem_quotes_the_record() -> None:
    text = '{"account_id": "anna", "is_under_age": true, "followers": 1x}\n{"id": 1}\n{"anna": \n"anna"\n'
    problems = [record.problem for record in read(text).records() if record.problem]
    assert len(problems) == 3
    assert not any("anna" in problem for problem in problems)


def test_an_object_100_000_deep_damages_its_record_only() -> None:
    deep = '{"id": ' * 100_000 + "1" + "}" * 100_000
    text = f'[{{"id": 1, "likes": 1}}, {deep}, {{"id": 2, "likes": 1}}]'
    first, problem, *_, last = cells_of(read(text))
    assert (first, problem, last) == (
        {"id": "1", "likes": "1"},
        "no JSON object: nested too deeply",
        {"id": "2", "likes": "1"},
    )
    with pytest.raises(UnreadableFileError, match="no JSON object in it"):
        read("[" * 100_000)


def test_a_number_of_10_000_digits_damages_its_record_only() -> None:
    text = '{"id": ' + "9" * 10_000 + '}\n{"id": 2}'
    assert cells_of(read(text)) == ["no JSON object: a number with too many digits", {"id": "2"}]


REFUSED = [
    ("empty array", "[]", "no JSON object in it"),
    ("numbers", "[1, 2]", "no JSON object in it"),
    ("two lists", json.dumps({"a": [{"x": 1}], "b": [{"y": 1}]}), r"2 lists of objects \(a, b\), expected one list"),
    ("broken document", '{"data": tru, "users": []}', r"not readable as JSON \(broken JSON"),
    ("many keys", lines(*({f"k{number}": 1} for number in range(10_001))), "more than 10000 different keys"),
]


@pytest.mark.parametrize(("text", "reason"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_what_cannot_be_read_is_refused_in_one_line(text: str, reason: str) -> None:
    with pytest.raises(UnreadableFileError, match=rf"^file[.]json: {reason}") as caught:
        read(text)
    assert str(caught.value).isprintable()


IS_JSON = [
    ('  [ {"a": 1}]', True),
    ('\ufeff{"a": 1}', True),
    ("[[1]]", True),
    ("[1,2,3]", True),
    ('["a", "b"]', True),
    ("[-1.5e3]", True),
    ("[true, null]", True),
    ("{}", True),
    ('oops\n{"a": 1}\n{"a": 2}', True),
    ("account_id,followers\nanna,1", False),
    ("{account},followers\nanna,1", False),
    ("[2024-05-06] report\nid,followers", False),
    ("[1] report\nid,followers", False),
    ("[2024, May] report\nid,followers", False),
    ("[id],[followers]\nanna,1", False),
    ("", False),
]


@pytest.mark.parametrize(("text", "expected"), IS_JSON)
def test_json_is_known_by_its_content(text: str, expected: bool) -> None:
    assert is_json(source_of(text.encode())) is expected


def test_a_large_array_is_read_in_blocks() -> None:
    """A reader that loads the whole text would ask for more than one block at a time."""

    class Blocks(io.BytesIO):
        largest = 0

        def read(self, size: int | None = -1, /) -> bytes:
            block = super().read(size)
            Blocks.largest = max(Blocks.largest, len(block))
            return block

    records = [{"id": number, "biography": "x" * 1000} for number in range(10_000)]
    content = json.dumps(records).encode()
    table = open_json(lambda: Blocks(content), name="file.json")
    assert sum(1 for _ in table.records()) == 10_000
    assert Blocks.largest <= 2 * 2**20 < len(content)


def _with_check_sum(generator: random.Random, number: int) -> dict[str, Any]:
    record = {
        "id": str(7 * 10**18 + number),
        "name": generator.choice(["é😀", 'q"uo', "b\\s", "{x", "}],[{", "x, y", ""]) + str(number),
        "tags": [{"id": "z", "t": 1}, {"id": "y"}][: generator.randrange(3)],
        "stats": {"likes": number},
    }
    return record | {"sum": zlib.crc32(json.dumps(record).encode())}


def _write(records: list[dict[str, Any]], form: str) -> bytes:
    return {
        "lines": lines(*records),
        "array": json.dumps(records),
        "pretty": json.dumps(records, indent=2),
        "concatenated": "\n".join(json.dumps(record, indent=1) for record in records),
        "wrapped": json.dumps({"ok": True, "data": records, "n": 1}),
    }[form].encode()


@pytest.mark.parametrize("form", ["lines", "array", "pretty", "concatenated", "wrapped"])
def test_a_damaged_record_takes_no_cells_of_another(form: str) -> None:
    """Each record knows a sum over its cells. One byte of a record is replaced: all others must come through."""
    generator = random.Random(form)
    for _trial in range(60):
        records = [_with_check_sum(generator, number) for number in range(6)]
        content = _write(records, form)
        place = generator.randrange(content.index(b"700000"), content.rindex(b'"sum"'))
        damaged = content[:place] + generator.choice([b"\x00", b"\xff", b"\n"]) + content[place + 1 :]
        cells = [record for record in cells_of(read(damaged)) if isinstance(record, dict)]
        names = {record["name"]: record for record in cells if "name" in record and "sum" in record}
        intact = [record for record in records if str(record["sum"]) == names.get(record["name"], {}).get("sum")]
        assert len(intact) >= 5, damaged


def test_half_of_a_surrogate_pair_in_a_key_is_written_as_its_code(tmp_path: Path) -> None:
    (table,) = delivered(tmp_path / "file.json", rb'[{"account_id": "anna", "followers": 1, "\ud800": "x"}]')
    assert table.header == ("account_id", "followers", r"\ud800")
    assert write_text_parquet(table, tmp_path / "stored.parquet") == 1


@pytest.mark.parametrize(("levels", "is_refused"), [(200, False), (400, True)])
def test_a_value_that_is_skipped_is_too_deep_at_a_limit_of_the_program(levels: int, is_refused: bool) -> None:
    """Python's own limit depends on who calls, and could end the caller."""
    skipped = '{"a": ' * levels + "1" + "}" * levels
    rows = ", ".join(json.dumps({"id": place, "followers": 5}) for place in range(3))
    text = f'{{"about": {{"run": {{"of": {skipped}}}}}, "items": [{rows}]}}'
    if is_refused:
        with pytest.raises(UnreadableFileError, match="nested too deeply"):
            delivered_names(text)
    else:
        assert delivered_names(text) == ["id", "followers"]


def delivered_names(text: str) -> list[str]:
    return list(open_json(lambda: io.BytesIO(text.encode()), name="deep.json").header)
