"""A regular expression means the same in DuckDB, Sail and Spark."""

from __future__ import annotations

from typing import Any

import duckdb
import narwhals as nw
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiktok_pipeline.missing_values import NULL_PATTERN, NUMBER_NULL_PATTERN
from tiktok_pipeline.warehouse.base import Warehouse
from tiktok_pipeline.warehouse.spark.patterns import PatternError, portable

MATCHES: list[tuple[str, list[str], list[str]]] = [
    ("a$", ["a", "ba"], ["a\n", "a\r\n", "a\u2028", "ab"]),
    ("^a", ["ab"], ["\na", "ba"]),
    ("^a.b$", ["a\rb", "a\u0085b", "a\u2028b", "a\U0001f600b", "a b"], ["a\nb", "ab"]),
    ("(?s)^a.b$", ["a\nb", "a\rb"], ["ab"]),
    ("(?i)^KÜS$", ["küs", "kÜS", "\u212aÜS", "Kü\u017f"], ["kus", "k\u00fcss"]),
    ("^(?i:i)i$", ["ii", "Ii"], ["iI", "\u0131i", "\u0130i"]),
    ("(?i)^[a-cà-é]$", ["B", "É", "b"], ["d", "ê"]),
    ("(?i)^[^k]$", ["a"], ["K", "k", "\u212a"]),
    (r"^\s$", [" ", "\t", "\n", "\f", "\r"], ["\v", "\u00a0", "\u2003", "\u0085"]),
    (r"^\d\w$", ["1a", "1_", "12"], ["\u0661a", "1é", "a1"]),
    (r"^[\d\s]+$", ["1 2"], ["1\u00a02"]),
    ("^[][&&^~]+$", ["][&^~"], ["a", "-"]),
    ("^[a&&b]$", ["a", "b", "&"], ["c"]),
    ("^[\n\x01-]$", ["\n", "\x01", "-"], ["n", "x"]),
    (r"^\#\.\{\}$", ["#.{}"], ["#a{}"]),
]


def lazy_texts(engine: Warehouse, texts: list[str]) -> nw.LazyFrame[Any]:
    return engine.persist(pa.table({"place": list(range(len(texts))), "text": pa.array(texts, pa.string())}))


def test_a_pattern_matches_the_same_texts_in_every_engine(engine: Warehouse) -> None:
    for pattern, matching, others in MATCHES:
        texts = [*matching, *others]
        rows = lazy_texts(engine, texts).select("place", found=nw.col("text").str.contains(pattern)).sort("place")
        found = rows.collect("pyarrow").to_dict(as_series=False)["found"]
        assert dict(zip(texts, found, strict=True)) == {text: text in matching for text in texts}, pattern


@pytest.mark.parametrize(
    ("pattern", "replacement", "before", "after"),
    [
        ("(a)(b)", r"\2\1x", "abab", "baxbax"),
        ("([0-9]) *k$", r"\1x3", "12 k", "12x3"),
        ("^(?s)(a).*$", r"<\1>", "a\nb", "<a>"),
        ("[.]0+$", "", "7.00", "7"),
        ("a.", "-", "a\rab\n", "--\n"),
    ],
)
def test_a_replacement_is_the_same_in_every_engine(
    engine: Warehouse, pattern: str, replacement: str, before: str, after: str
) -> None:
    rows = lazy_texts(engine, [before]).select(nw.col("text").str.replace_all(pattern, replacement))
    assert rows.collect("pyarrow").to_dict(as_series=False) == {"text": [after]}


def test_signs_that_are_no_pattern_stay_themselves(engine: Warehouse) -> None:
    rows = lazy_texts(engine, [r"a.$1\1"]).select(
        found=nw.col("text").str.contains(".$", literal=True),
        replaced=nw.col("text").str.replace_all("$1", r"\1", literal=True),
    )
    assert rows.collect("pyarrow").to_dict(as_series=False) == {"found": [True], "replaced": [r"a.\1\1"]}


@pytest.mark.parametrize(
    ("pattern", "written_out"),
    [
        ("^a.$", r"^a[^\n]\z"),
        ("(?i)no|(?:x)", "[Nn][Oo]|(?:[Xx])"),
        ("(?i:a)a(b(?i)c)d", "(?:[Aa])a(b[Cc])d"),
        ("[+-]{1,2}", r"[+\-]{1,2}"),
        ("(?i)[x-z]", "[x-zXYZ]"),
        (r"\*[\.]", r"\*[.]"),
        (r"\x41\x2e[^\x00-\x40]", r"A\.[^\x00-@]"),
    ],
)
def test_a_pattern_is_written_out(pattern: str, written_out: str) -> None:
    assert portable(pattern) == written_out


@pytest.mark.parametrize("pattern", [r"\bword", "a(?=b)", "(?P<name>a)", r"\pL", "(?m)^a$", r"[\b]", "[a", "a\\"])
def test_a_pattern_that_engines_read_differently_is_refused(pattern: str) -> None:
    with pytest.raises(PatternError, match="read differently"):
        portable(pattern)


@given(text=st.text(st.sampled_from("NnAaUuLlKkSsIiß\u212a\u017f\u0131\u0130#!/ .-\n\r"), max_size=6))
def test_a_pattern_written_out_matches_as_before(text: str) -> None:
    """RE2 reads what is written out as it reads the pattern itself."""
    with duckdb.connect() as connection:
        for pattern in (NULL_PATTERN, NUMBER_NULL_PATTERN, "ak", "[k-s]", "[^k-s]", "s.$"):
            before, after = f"(?i)^({pattern})$", portable(f"(?i)^({pattern})$")
            query = "select regexp_matches($1, $2), regexp_matches($1, $3)"
            found = connection.execute(query, [text, before, after]).fetchone()
            assert found is not None
            assert found[0] == found[1]
