"""Every spelling of a handle is one creator, in the engine and in Python."""

from __future__ import annotations

import narwhals as nw
import pyarrow as pa
import pytest

from tiktok_pipeline.validated.identity import normal_handle, parse_handle, usable_number
from tiktok_pipeline.warehouse.duckdb.warehouse import DuckDBWarehouse

SPELLINGS = {
    "maker.1_x": "maker.1_x",
    "Maker.1_X": "maker.1_x",
    "@maker": "maker",
    "@@maker": "@maker",
    "%40maker": "maker",
    "maker%2E1%5Fx": "maker.1_x",
    "\u200bmaker\u200d": "maker",
    "\ufeffmaker": "maker",
    "\u202amaker\u202c": "maker",
    "\u00a0maker\u00a0": "maker",
    "https://www.tiktok.com/@Maker": "maker",
    "https://www.tiktok.com/@maker?lang=de&_t=1": "maker",
    "https://www.tiktok.com/@maker/video/123#top": "maker",
    "http://tiktok.com/@maker/": "maker",
    "tiktok.com/@maker": "maker",
    "www.TikTok.com/@maker": "maker",
    "//www.tiktok.com/@maker": "maker",
    "m.tiktok.com/@maker": "maker",
    "https://vm.tiktok.com/@maker": "maker",
    "https://de.tiktok.com/@maker": "maker",
    "https://www.tiktok.com/de-DE/@maker": "maker",
    "https://www.tiktok.com:443/@maker": "maker",
    "https://www.tiktok.com/%40maker": "maker",
    "https://www.tiktok.com/@maker\nand more": "maker\nand more",
    "\uff20maker": "maker",
    "\ufe6bmaker": "maker",
    "two words": "two words",
    "a/b": "a/b",
    "https://example.org/@maker": "https://example.org/@maker",
    "https://www.tiktok.com.example.org/@maker": "https://www.tiktok.com.example.org/@maker",
    "https://vm.tiktok.com/zm123/": "https://vm.tiktok.com/zm123/",
    "@": "",
}


def test_every_spelling_of_a_handle_has_one_normal_form(engine: DuckDBWarehouse) -> None:
    texts = pa.table({"account_id": list(SPELLINGS), "url": pa.array([None] * len(SPELLINGS), pa.string())})
    parsed = engine.persist(texts).select(
        "account_id", parse_handle(nw.col("account_id"), nw.col("url")).alias("handle")
    )
    rows = parsed.collect("pyarrow").to_native().to_pylist()
    assert {row["account_id"]: row["handle"] for row in rows} == SPELLINGS
    assert {text: normal_handle(text) for text in SPELLINGS} == SPELLINGS


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        ("6790000000000000123", "6790000000000000123"),
        ("12345", "12345"),
        ("0", None),
        ("0000000000", None),
        ("1234", None),
        ("-1", None),
        ("6.79E+18", None),
        ("123456789012345678901", None),
        (None, None),
    ],
)
def test_an_id_identifies_an_account_unless_it_is_a_placeholder(
    engine: DuckDBWarehouse, number: str | None, expected: str | None
) -> None:
    frame = engine.persist(pa.table({"text": pa.array([number], pa.string())}))
    assert frame.select(usable_number(nw.col("text")).alias("x")).collect("pyarrow").item(0, "x") == expected
