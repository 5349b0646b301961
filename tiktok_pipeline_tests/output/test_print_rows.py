"""Rows for people and programs: hostile text stays text in a terminal, a spreadsheet and a parser."""

from __future__ import annotations

import csv
import io
import json
import unicodedata
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tiktok_pipeline.output.print_rows import print_rows
from tiktok_pipeline_tests.hypothesis_profiles import examples

ESCAPE = "\x1b[2J\x1b[31mred\x1b[0m"
UNSAFE = ("Cc", "Zl", "Zp")
TURNED = "user\u202egpj.exe\u2066\u2069"


def printed(capsys: pytest.CaptureFixture[str], rows: list[tuple[Any, ...]], output: str, *names: str) -> str:
    print_rows(names or ["text"], rows, output)
    return capsys.readouterr().out


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "=HYPERLINK('x')"])
def test_a_spreadsheet_runs_no_formula(capsys: pytest.CaptureFixture[str], text: str) -> None:
    out = printed(capsys, [(text,)], "csv")
    ((_,), (cell,)) = csv.reader(io.StringIO(out, newline=""))
    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r"))


def test_a_control_character_cannot_hide_a_formula(capsys: pytest.CaptureFixture[str]) -> None:
    assert printed(capsys, [("\x00\u202e=1+1",)], "csv") == "text\n'=1+1\n"


def test_csv_is_read_back_by_a_parser(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [
        ('say "hi"', 1, 2.5, None),
        ("two\nlines, and a comma", -3, 1e-9, True),
        ("日本 عربي 🎥", 0, 0.1 + 0.2, None),
    ]
    out = printed(capsys, rows, "csv", "a", "b", "c", "d")
    assert list(csv.reader(io.StringIO(out, newline=""))) == [
        ["a", "b", "c", "d"],
        ['say "hi"', "1", "2.5", ""],
        ["two\nlines, and a comma", "-3", "1e-09", "True"],
        ["日本 عربي 🎥", "0", "0.30000000000000004", ""],
    ]


def test_json_is_an_array_of_objects(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [("é 日本 🎥", 1, 2.5, None, True, date(2024, 1, 2), Decimal("1.5"), ["a", "b"])]
    out = printed(capsys, rows, "json", *"abcdefgh")
    assert json.loads(out) == [
        {"a": "é 日本 🎥", "b": 1, "c": 2.5, "d": None, "e": True, "f": "2024-01-02", "g": "1.5", "h": ["a", "b"]}
    ]
    assert "日本" in out
    assert printed(capsys, [], "json") == "[]\n"


def test_json_has_no_nan_and_no_infinity(capsys: pytest.CaptureFixture[str]) -> None:
    def refuse(word: str) -> None:
        raise AssertionError(word)

    rows = [(float("nan"), float("inf"), [float("-inf"), 1.0], {"x": float("nan")})]
    out = printed(capsys, rows, "json", "a", "b", "c", "d")
    assert json.loads(out, parse_constant=refuse) == [{"a": None, "b": None, "c": [None, 1.0], "d": {"x": None}}]


@pytest.mark.parametrize("output", ["table", "csv", "json"])
@pytest.mark.parametrize("text", [ESCAPE, TURNED, "\x9b31m", "\x07\x08\x7f", "a\u2028b", "a\rb"])
def test_no_control_character_is_printed(capsys: pytest.CaptureFixture[str], output: str, text: str) -> None:
    out = printed(capsys, [(text,)], output)
    wrong = [character for character in out if character != "\n" and unicodedata.category(character) in UNSAFE]
    assert wrong == []
    assert not set(out) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def test_json_keeps_hidden_characters_as_escapes(capsys: pytest.CaptureFixture[str]) -> None:
    assert json.loads(printed(capsys, [(ESCAPE + TURNED + "\x9b\u2028",)], "json")) == [
        {"text": ESCAPE + TURNED + "\x9b\u2028"}
    ]


@pytest.mark.parametrize("text", ["[red]boo[/red]", "[/]", "[link=https://example.org]x[/link]", ":smile:", "[bold"])
def test_markup_in_a_cell_or_a_name_is_text(capsys: pytest.CaptureFixture[str], text: str) -> None:
    out = printed(capsys, [(text,)], "table", f"{text} name")
    assert f" {text} " in out
    assert f"{text} name" in out


def test_a_table_is_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [("a", 1_234_567, 0.123456789, None, True), ("b", -5, 12_345_678.9, "x", False)]
    out = printed(capsys, rows, "table", "name", "count", "share", "note", "flag")
    for text in ("1,234,567", "0.123457", "12,345,678.9", "true", "false", "-5"):
        assert text in out
    assert "None" not in out


def test_a_table_shows_fractions_as_percentages_where_it_is_told_to(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [(0.304, 0.304), (float("nan"), 2.0), (None, None)]
    print_rows(["share", "margin"], rows, "table", percent={"share"})
    out = capsys.readouterr().out
    assert "30%" in out
    assert "0.304" in out
    print_rows(["share", "margin"], rows, "csv", percent={"share"})
    assert "0.304,0.304" in capsys.readouterr().out


@settings(max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.tuples(st.none() | st.text(), st.none() | st.integers() | st.floats()), max_size=4))
def test_any_text_makes_valid_output(capsys: pytest.CaptureFixture[str], rows: list[tuple[Any, ...]]) -> None:
    out = printed(capsys, rows, "json", "a", "b")
    assert [row["a"] for row in json.loads(out)] == [row[0] for row in rows]
    parsed = list(csv.reader(io.StringIO(printed(capsys, rows, "csv", "a", "b"), newline=""), strict=True))
    assert [len(row) for row in parsed] == [2] * (len(rows) + 1)
    assert printed(capsys, rows, "table", "a", "b").count("\n") >= 3
