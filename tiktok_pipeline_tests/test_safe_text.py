"""Hostile text made safe: one line for a terminal, several for a cell, escapes for a page."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiktok_pipeline.safe_text import formula_safe, multi_line, one_line, visible_name, visible_text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("مرحبا 👩\u200d🎤", "مرحبا 👩\u200d🎤"),
        ("a\tb\nc\r\nd", "a b c d"),
        ("\x1b[2J\x1b[31mred\x1b[0m", r"\x1b[2J\x1b[31mred\x1b[0m"),
        ("user\u202egpj.exe\u2066\u2069", r"user\u202egpj.exe\u2066\u2069"),
        ("a\x85b\u2028c\u2029d", "a b c d"),
        ("half \ud83d, none \ufffe\uffff\ufdd0", "half , none"),
    ],
)
def test_one_line_shows_what_would_steer_a_terminal(text: str, expected: str) -> None:
    assert one_line(text) == expected


@pytest.mark.parametrize(("text", "expected"), [("1234567890", "1234567890"), ("12345678901", "123456 ...")])
def test_one_line_cuts_long_texts(text: str, expected: str) -> None:
    assert one_line(text, max_characters=10) == expected


@given(st.text(st.characters()))
def test_any_text_becomes_one_printable_line(text: str) -> None:
    line = one_line(text)
    line.encode("utf-8")
    assert line == one_line(line)
    assert {unicodedata.category(character) for character in line} & {"Cc", "Cs", "Zl", "Zp"} == set()


@given(st.text(st.characters()))
def test_multi_line_has_no_line_ends_but_line_feeds(text: str) -> None:
    cell = multi_line(text)
    cell.encode("utf-8")
    assert set(cell) & set("\r\x85\u2028\u2029\x1b\x00\u202e") == set()
    assert cell.count("\t") == text.count("\t")


def test_multi_line_keeps_lines_and_tabs() -> None:
    assert multi_line("1\r\n2\r3\u20284\x855\ttab\x00") == "1\n2\n3\n4\n5\ttab"


@pytest.mark.parametrize(
    ("text", "limit", "expected"),
    [
        ("  plain ", 9, "plain"),
        ("0123456789", 10, "0123456789"),
        ("0123456789a", 10, "012345678\u2026"),
        ("a\tb", 9, "a b"),
        ("two\r\nlines", 20, "two \u21b5 lines"),
        ("half \ud83d", 9, "half \\ud83d"),
        ("\U000e0041", 9, "\\U000e0041"),
        ("\u2028", 9, "\\u2028"),
        ("a\u2028b", 9, "a\\u2028b"),
        ("\u200d\u200c", 9, "\u200d\u200c"),
        ("مرحبا 😀 模特", 20, "مرحبا 😀 模特"),
    ],
)
def test_visible_text_escapes_hidden_characters(text: str, limit: int, expected: str) -> None:
    assert visible_text(text, max_characters=limit) == expected


@pytest.mark.parametrize("cell", [-5, -0.5, None, True, "plain", "a=b", ""])
def test_formula_safe_leaves_harmless_cells(cell: object) -> None:
    assert formula_safe(cell) is cell


@given(st.text(st.characters()))
def test_any_name_is_one_line_of_what_a_terminal_shows(name: str) -> None:
    shown = visible_name(name)
    shown.encode("utf-8")
    assert visible_name(shown) == shown
    assert {unicodedata.category(character) for character in shown} & {"Cc", "Cs", "Zl", "Zp"} == set()


def test_names_that_differ_look_different() -> None:
    names = ["a.csv", "a\u200b.csv", "a\n.csv", "a\x1b.csv", "a\u202e.csv", "a\udcff.csv"]
    assert len({visible_name(name) for name in names}) == len(names)
