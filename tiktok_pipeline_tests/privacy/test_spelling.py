"""The spellings of a name: each one is found and replaced, and no similar word is."""

from __future__ import annotations

import pytest

from tiktok_pipeline.privacy.mentions import mention_replacer
from tiktok_pipeline.privacy.spelling import name_in_path, name_pattern

HANDLE, NUMBER = "some.body_1", "6999999999999999999"

SPELLINGS = {
    "with some.body_1 today": "with [forgotten] today",
    "(SOME.Body_1)": "([forgotten])",
    "by @some.body_1.": "by @[forgotten].",
    "tiktok.com/%40some.body_1?lang=de": "tiktok.com/@[forgotten]?lang=de",
    "tiktok.com/@some%2Ebody%5F1/video/7": "tiktok.com/@[forgotten]/video/7",
    r'{"bio": "\u0040some.body_1"}': '{"bio": "@[forgotten]"}',
    r'{"bio": "s\u006fme.body_1"}': '{"bio": "[forgotten]"}',
    r'{"bio": "one\n@some.body_1"}': r'{"bio": "one\n@[forgotten]"}',
    "some.body_1@mail.example": "[forgotten]@mail.example",
    "\uff20some.body_1": "@[forgotten]",
    f'{{"author": {NUMBER}}}': '{"author": 0}',
    f"id,{NUMBER}.0": "id,0.0",
    f"of=id{NUMBER}&n": "of=id0&n",
    f"NumberLong({NUMBER}L) {NUMBER}n": "NumberLong(0L) 0n",
    "u=%2Fwww.tiktok.com%252F%2540some%252Ebody_1%26": "u=%2Fwww.tiktok.com%252F@[forgotten]%26",
    "%252Fsome.body_1": "%252F[forgotten]",
    r"b'\x40some\x2ebody_1'": "b'@[forgotten]'",
    "&commat;some.body_1": "@[forgotten]",
}
OTHERS = (
    "awesome.body_1",
    "some.body_12",
    "some.body_1.too",
    "some_body_1",
    f"1{NUMBER}",
    f"{NUMBER}5",
    f"0.{NUMBER}",
)


@pytest.mark.parametrize("text", SPELLINGS)
def test_every_spelling_is_found_and_replaced(text: str) -> None:
    assert name_pattern([HANDLE, NUMBER]).search(text.encode())
    assert mention_replacer([HANDLE, NUMBER], file="x")(text) == SPELLINGS[text]


@pytest.mark.parametrize("text", OTHERS)
def test_a_similar_word_is_not_the_name(text: str) -> None:
    assert not name_pattern([HANDLE, NUMBER]).search(text.encode())
    assert mention_replacer([HANDLE, NUMBER], file="x")(text) == text


def test_an_ordinary_word_is_replaced_only_where_it_is_a_mention() -> None:
    replace = mention_replacer(["anna", "12345"], file="x")
    assert replace("anna has 12345 followers, says @anna") == "anna has 12345 followers, says @[forgotten]"


def test_a_name_that_is_also_a_column_stays_a_column() -> None:
    replace = mention_replacer(["followers"], file="x", columns=["Followers"])
    assert replace('{"followers": 5, "bio": "@followers"}') == '{"followers": 5, "bio": "@[forgotten]"}'


def test_a_name_in_the_name_of_a_file_is_found_between_underscores() -> None:
    pattern = name_in_path([HANDLE, "anna"])
    assert pattern.sub("x", "of_some.body_1.csv anna-2024.csv hannah.csv") == "of_x.csv x-2024.csv hannah.csv"
