"""Every rule of cleaning against values worked out by hand."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import narwhals as nw
import pyarrow as pa
import pytest

from tiktok_pipeline.validated import clean
from tiktok_pipeline.validated.identity import parse_handle
from tiktok_pipeline.warehouse.base import CastType
from tiktok_pipeline.warehouse.duckdb.warehouse import DuckDBWarehouse

Rule = Callable[[nw.Expr], nw.Expr]
TEXT = nw.col("text")


def cleaned(engine: DuckDBWarehouse, rule: nw.Expr, cast: CastType | None = None, **cells: str | None) -> object:
    """What a rule, and the engine's cast behind it, make of one row of texts."""
    table = pa.table({name: pa.array([cell], pa.string()) for name, cell in cells.items()})
    frame: nw.LazyFrame[Any] = nw.from_native(engine._connection.from_arrow(table)).select(rule.alias("value"))
    if cast:
        frame = engine.try_cast(frame, {"value": cast})
    return frame.collect("pyarrow")["value"].to_list()[0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [(" a ", "a"), ("a  b", "a  b"), ("\ta\r\n", "a"), ("0", "0"), ("nullable", "nullable"),
        ("🎉 ", "🎉")]
    + [(text, None) for text in ("", "  ", "\t\n", "null", "NULL", "None", "NaN", " null ", None)]
    + [(text, None) for text in ("nan", "N/A", "#N/A", "<NA>", "\\N", "undefined", "-", "#REF!", "(blank)", "NaT")],
)  # fmt: skip
def test_blank_to_null(engine: DuckDBWarehouse, text: str | None, expected: str | None) -> None:
    assert cleaned(engine, clean.strip_and_nullify(TEXT), text=text) == expected


_WORDS_OF_PEOPLE = (
    "brak danych",
    "Нет данных",
    "н/д",
    "不明",
    "なし",
    "无",
    "YOK",
    "onbekend",
    "saknas",
    "없음",
    "not set",
)
_ERRORS_OF_SHEETS = ("#BRAK!", "#Н/Д", "#ЗНАЧ!", "#YOK", "#DEĞER!", "#VÄRDEFEL!", "#DIV/0", "__NULL__", "(пусто)")


@pytest.mark.parametrize("text", [*_WORDS_OF_PEOPLE, *_ERRORS_OF_SHEETS])
def test_numbers_and_links_know_the_missing_words_of_many_languages(engine: DuckDBWarehouse, text: str) -> None:
    assert cleaned(engine, clean.strip_and_nullify(TEXT, clean.null_pattern_of("likes")), text=text) is None
    assert cleaned(engine, clean.strip_and_nullify(TEXT, clean.null_pattern_of("bio_link")), text=text) is None


@pytest.mark.parametrize("text", _WORDS_OF_PEOPLE)
def test_a_handle_or_nickname_may_be_a_word_of_people(engine: DuckDBWarehouse, text: str) -> None:
    for name in ("account_id", "nickname"):
        assert cleaned(engine, clean.strip_and_nullify(TEXT, clean.null_pattern_of(name)), text=text) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        *((text, None) for text in ("No", "FALSE", "0", "nein", "нет", "no link")),
        ("Yes", "Yes"),
        ("no.example", "no.example"),
    ],
)
def test_a_column_that_says_no_has_no_link(engine: DuckDBWarehouse, text: str, expected: str | None) -> None:
    assert cleaned(engine, clean.strip_and_nullify(TEXT, clean.null_pattern_of("bio_link")), text=text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [(text, True) for text in ("true", "TRUE", "True", "t", "T", "yes", "Yes", "Y", "1")]
    + [(text, False) for text in ("false", "FALSE", "False", "f", "no", "N", "0")]
    + [(text, True) for text in ("1.0", "WAHR", "ja", "VRAI", "Oui", "VERDADERO", "Sí", "sim", "SAND", "✓")]
    + [(text, False) for text in ("0.0", "FALSCH", "nein", "FAUX", "non", "FALSO", "não", "falsk", "Nej")]
    + [(text, True) for text in ("はい", "예", "ano", "kyllä", "已认证", "ДА", "Evet", "TAK")]
    + [(text, False) for text in ("いいえ", "아니오", "ne", "ei", "未认证", "нет", "Hayır", "NIE")]
    + [(text, None) for text in ("maybe", "2", "truee", "10", None)],
)
def test_truth(engine: DuckDBWarehouse, text: str | None, *, expected: bool | None) -> None:
    assert cleaned(engine, clean.parse_bool(TEXT), text=text) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", 0),
        ("1200", 1200),
        ("1200.0", 1200),
        ("1200.", 1200),
        ("+5", 5),
        ("-1", -1),
        ("007", 7),
        ("12,345", 12_345),
        ("1,234,567", 1_234_567),
        ("1.2M", 1_200_000),
        ("1.2m", 1_200_000),
        ("15k", 15_000),
        ("1.234K", 1_234),
        ("3B", 3_000_000_000),
        ("-2K", -2_000),
        ("1.5E+06", 1_500_000),
        ("6.1e3", 6_100),
        ("9223372036854775807", 2**63 - 1),
    ]
    + [
        (text, None)
        for text in (
            "1,2,3", "12,34", "1.5E+00", "1.23456E+04",
            "1,2345", "1.5", "0.1", "12345678901234567890", "1E+99", "1e-3", "1.2345K",
            "1 200", "1_000",
            "0x10", "many", "K", "1.2.3M", "1.M", "١٢", "--1", "5%", "1\n", "inf", None,
        )
    ],
)  # fmt: skip
def test_count(engine: DuckDBWarehouse, text: str | None, expected: int | None) -> None:
    assert cleaned(engine, clean.parse_count(TEXT), "integer", text=text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("0.05", 0.05), (".5", 0.5), ("5.", 5.0), ("5", 5.0), ("+0.5", 0.5), ("-0.5", -0.5), ("1e-5", 1e-5),
        ("2.5E2", 250.0)]
    + [(text, None) for text in ("nan", "inf", "-Infinity", "1e999", "5%", "0,05", "1e", ".", "1.2.3", "0x1", None)],
)  # fmt: skip
def test_number(engine: DuckDBWarehouse, text: str | None, expected: float | None) -> None:
    assert cleaned(engine, clean.parse_float(TEXT), "float", text=text) == expected


AUGUST = date(2023, 8, 12)


@pytest.mark.parametrize(
    ("text", "iso", "day_first"),
    [
        ("2023-08-12", AUGUST, AUGUST),
        ("2023-08-12T10:00:00.000Z", AUGUST, AUGUST),
        ("2023-08-12 10:00:00+02", AUGUST, AUGUST),
        ("12-08-2023", None, AUGUST),
        ("08-12-2023", None, date(2023, 12, 8)),
        ("2024-02-29", date(2024, 2, 29), date(2024, 2, 29)),
        ("2023-02-31", None, None),
        ("31-02-2023", None, None),
        ("12-13-2023", None, None),
        ("2023/08/12", None, None),
        ("20230812", None, None),
        ("2023-8-1", None, None),
        ("2023-08-12 at noon", None, None),
        ("yesterday", None, None),
        (None, None, None),
    ],
)
def test_day_is_told_by_the_dialect_alone(
    engine: DuckDBWarehouse, text: str | None, iso: date | None, day_first: date | None
) -> None:
    assert cleaned(engine, clean.parse_date(TEXT, nw.lit(False)), "date", text=text) == iso
    assert cleaned(engine, clean.parse_date(TEXT, nw.lit(True)), "date", text=text) == day_first


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("6790000000000000123", "6790000000000000123"),
        ("123.0", "123"),
        ("6.79444E+18", None),
        ("6.8e18", None),
        ("6E+18", None),
        ("'6700000000000000001", "6700000000000000001"),
        ("abc", "abc"),
        (None, None),
    ],
)
def test_an_id_in_e_notation_is_no_id(engine: DuckDBWarehouse, text: str | None, expected: str | None) -> None:
    assert cleaned(engine, clean.parse_account_id(TEXT), text=text) == expected


@pytest.mark.parametrize(
    ("account_id", "url", "expected"),
    [
        ("maker_1", None, "maker_1"),
        ("@maker_1", None, "maker_1"),
        ("@@maker_1", None, "@maker_1"),
        ("maker_1", "https://www.tiktok.com/@other", "maker_1"),
        ("██████", "https://www.tiktok.com/@maker.1_x", "maker.1_x"),
        ("ma███", "https://www.tiktok.com/@maker", "maker"),
        (None, "https://www.tiktok.com/@maker", "maker"),
        (None, "http://tiktok.com/@maker/", "maker"),
        (None, "https://m.tiktok.com/@maker/video/1?lang=en", "maker"),
        (None, "https://www.tiktok.com/@maker#top", "maker"),
        ("█", None, None),
        ("█", "https://www.tiktok.com/@", None),
        ("█", "https://vm.tiktok.com/ZM123/", None),
        ("█", "https://www.tiktok.com.example.org/@maker", None),
        ("█", "https://example.org/?u=https://www.tiktok.com/@maker", None),
        (None, None, None),
    ],
)
def test_handle(engine: DuckDBWarehouse, account_id: str | None, url: str | None, expected: str | None) -> None:
    rule = parse_handle(nw.col("account_id"), nw.col("url"))
    assert cleaned(engine, rule, account_id=account_id, url=url) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://www.tiktok.com/@a/video/1,https://www.tiktok.com/@a/video/2", 2),
        ('[{"video_id":"1","url":"https://x/video/1"},{"video_id":"2"}]', 2),
        ('[{"id":"1"}]', 0),
        ("[]", 0),
        (None, None),
    ],
)
def test_videos_in(engine: DuckDBWarehouse, text: str | None, expected: int | None) -> None:
    assert cleaned(engine, clean.count_videos(TEXT), text=text) == expected
