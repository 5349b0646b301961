"""The encoding of a text is found from its content; a bad byte stays where it is."""

from __future__ import annotations

import io

import pytest

from tiktok_pipeline.delivery.text_encoding import (
    BAD_BYTES,
    TextEncoding,
    encoding_of_head,
    find_encoding,
    open_decoded,
)

WORDS = {
    "cp1252": ["José Café", "Müller", "ñandú", "Søren", "plain"],
    "cp1250": ["Łódź", "Żółć", "Gdańsk", "Wrocław"],
    "cp1251": ["Привет мир", "Наташа", "Москва"],
    "cp1253": ["Καλημέρα", "Αθήνα"],
    "cp1254": ["İstanbul", "Şişli", "ğüzel"],
    "cp1256": ["مرحبا بالعالم", "القاهرة"],
    "koi8_r": ["Привет мир", "Наташа"],
    "mac_roman": ["José Café", "Müller"],
    "shift_jis": ["こんにちは", "東京タワー", "日本語"],
    "gb18030": ["你好世界", "北京大学", "中文名字"],
    "big5": ["你好世界", "臺灣大學"],
    "euc_kr": ["안녕하세요", "서울 대학교"],
}


def text_of(words: list[str]) -> str:
    rows = "".join(f"2024-05-06,invented{number},{words[number % len(words)]},{number * 7}\n" for number in range(60))
    return f"timestamp,account_id,nickname,followers\n{rows}"


def found(content: bytes) -> TextEncoding:
    encoding = find_encoding(lambda: io.BytesIO(content))
    assert encoding is not None
    return encoding


@pytest.mark.parametrize("codec", WORDS)
def test_a_text_in_a_legacy_encoding_is_decoded_to_what_was_written(codec: str) -> None:
    text = text_of(WORDS[codec])
    content = text.encode(codec)
    assert content.decode(found(content).codec) == text


@pytest.mark.parametrize("mark", ["\u00a0", "\u2019"], ids=["blank", "apostrophe"])
@pytest.mark.parametrize("codec", ["cp1252", "mac_roman"])
def test_marks_between_thousands_are_no_damage_of_a_utf_8_text(codec: str, mark: str) -> None:
    text = text_of(["plain"]).replace(",7", f",1{mark}293{mark}383")
    assert text.encode(codec).decode(found(text.encode(codec)).codec) == text


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("words", [["plain"], ["你好世界北京大学中文名字" * 9]], ids=["ASCII", "Chinese"])
def test_utf_16_without_a_mark_is_found_from_its_zero_bytes(codec: str, words: list[str]) -> None:
    assert found(text_of(words).encode(codec)) == TextEncoding(codec)


@pytest.mark.parametrize("codec", ["utf-8-sig", "utf-16", "utf-32"])
def test_a_byte_order_mark_is_no_part_of_the_text(codec: str) -> None:
    content = text_of(["José"]).encode(codec)
    with open_decoded(lambda: io.BytesIO(content), found(content)) as text:
        assert text.read() == text_of(["José"])


@pytest.mark.parametrize("bad", [b"\xff", b"\xe9", b"\xe2\x82", b"\x80"])
@pytest.mark.parametrize("words", [["plain"], ["plain", "José"]], ids=["ASCII", "UTF-8"])
def test_a_few_bad_bytes_are_damage_of_a_utf_8_text(bad: bytes, words: list[str]) -> None:
    content = text_of(words).encode()
    damaged = content[:200] + bad + content[200:]
    assert found(damaged).codec == "utf-8"
    with open_decoded(lambda: io.BytesIO(damaged), TextEncoding("utf-8")) as text:
        decoded = text.read()
    assert decoded.replace(BAD_BYTES, "") == text_of(words)


def test_a_few_bad_bytes_do_not_make_another_encoding_of_a_file() -> None:
    content = text_of(["plain", "José"]).encode()
    for place in (1500, 1000, 500):
        content = content[:place] + b"\xc3" + content[place:]
    assert found(content).codec == "utf-8"


def test_a_head_without_a_sign_leaves_the_encoding_open() -> None:
    assert encoding_of_head(b"a,b\n1,2\n") is None
    assert encoding_of_head(b"") is None
