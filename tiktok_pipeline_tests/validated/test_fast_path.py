"""A usual row keeps every rule: it is never judged, so this must hold for whatever a cell may be."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

import narwhals as nw
import pyarrow as pa
import pytest

from tiktok_pipeline.raw.schema import CREATOR_ACTIVITY, PROFILE_COLUMNS, PROFILES
from tiktok_pipeline.validated.clean import clean_profiles, delivered_handle
from tiktok_pipeline.validated.fast_path import mark_canonical, parse_canonical
from tiktok_pipeline.validated.schema import SCHEMAS, TABLES
from tiktok_pipeline.validated.validate import apply_rules
from tiktok_pipeline.warehouse.duckdb.warehouse import DuckDBWarehouse

USUAL = {
    "account_id": "maker.1_x",
    "tiktok_id": "6000000012345678901",
    "nickname": "Maker",
    "biography": "makes things",
    "is_verified": "false",
    "followers": "1200",
    "following": "35",
    "likes": "0",
    "videos_count": "7",
    "avg_engagement_rate": "0.0201124139178981",
    "comment_engagement_rate": "0.000009921324177083725",
    "like_engagement_rate": "1",
    "observed_on": "2024-02-29",
}
ODD: list[str | None] = [
    *(None, "", " ", "null", "NULL", "None", "NaN", "nan", "inf", "-1", "+1", "1.", ".5", "1.5", "1,200",
        "1.2M", "1e5"),
    *("999999999999999", "1000000000000000", "1000000000000001", "9" * 20, "9" * 21, "99999.9", "100000", "1000001"),
    *("9.9e-05", "9.9E-05", "1e5e-05", "1e-5", "1e-5 ", "1e-005", "e-05", "_e-05", "1e-05_"),
    *("2024-02-29 10:00:00", "2023-02-29 10:00:00", "2024-02-2910:00", "2024-02-29 x"),
    *("1_0", "1_0.5", "1e0005", "1E5", "1e-3", "\t1", "1 2", "1.5.2", "0x1F", "0b1"),
    *("0" * 16, "007", "1_000", " 12", "12 ", "12\n", "0x1F", "٣", "½"),
    *("true", "TRUE", "t", "yes", "1", "0", "f", "no", "maybe", "False"),
    *("@maker", "two words", "a/b", "a\\b", "██", "mäker", "a\x00b", "a" * 64, "a" * 65, "tab\t", "\u00a0"),
    *("x" * 100, "x" * 101, "x" * 1_000, "x" * 1_001, "é" * 1_000, "x" * 4_001, "x" * 10_000, "x" * 10_001),
    *("2024-02-29", "2023-02-29", "2023-02-28", "2024-02-30", "2024-13-01", "2024-00-10", "2024-01-32", "2024-1-1"),
    *('[{"video_id": 1}, {"video_id": 2}]',
        "https://www.tiktok.com/@a/video/1,https://www.tiktok.com/@a/video/2", "[]"),
    *("29-02-2024", "31-12-2023", "12-31-2023", "2024-03-04T10:00:00", "1999-12-31", "2100-02-29"),
]  # fmt: skip


def raw_rows(
    engine: DuckDBWarehouse, rows: Sequence[Mapping[str, Any]], dialect: str = "public_csv"
) -> nw.LazyFrame[Any]:
    """Raw rows of profiles; of the columns that a row does not name each is NULL."""
    cells = {
        name: pa.array([row.get(name) for row in rows], pa.string())
        for name in (*PROFILE_COLUMNS, "read_problem", "extra")
    }
    places = {
        "source_file": pa.array(["f.csv"] * len(rows)),
        "source_row": pa.array(range(1, len(rows) + 1), pa.int64()),
        "dialect": pa.array([dialect] * len(rows)),
    }
    return engine.persist(pa.table(places | cells))


def told(engine: DuckDBWarehouse, raw: nw.LazyFrame[Any]) -> list[dict[str, Any]]:
    """For each row whether it is usual, the reasons against it, and its handle by either way."""
    assert_usual_rows_are_read_as_cleaned(engine, raw)
    marked = mark_canonical(raw, PROFILES, engine).with_columns(delivered_handle(PROFILES).alias("handle"))
    judged = apply_rules(clean_profiles(marked, engine), SCHEMAS["profiles"])
    columns = ("source_row", "is_canonical", "problems", "handle", "account_id", "followers", "observed_on")
    found: list[dict[str, Any]] = judged.select(columns).sort("source_row").collect("pyarrow").to_native().to_pylist()
    return found


def assert_usual_rows_are_read_as_cleaned(engine: DuckDBWarehouse, raw: nw.LazyFrame[Any]) -> None:
    usual = engine.persist(mark_canonical(raw, PROFILES, engine).filter(nw.col("is_canonical")).drop("is_canonical"))
    read, cleaned = (
        frame.select(TABLES["profiles"].frame_names).sort("source_row").collect("pyarrow").to_native()
        for frame in (parse_canonical(usual, engine), clean_profiles(usual, engine))
    )
    assert read.schema.equals(cleaned.schema)
    assert read.to_pylist() == cleaned.to_pylist()


def assert_usual_rows_are_good(found: list[dict[str, Any]]) -> int:
    assert {row["is_canonical"] for row in found} <= {True, False}
    assert [row for row in found if row["is_canonical"] and row["problems"] != ""] == []
    assert [row for row in found if row["handle"] != row["account_id"]] == []
    return sum(row["is_canonical"] for row in found)


def test_a_plain_row_is_usual(engine: DuckDBWarehouse) -> None:
    (row,) = told(engine, raw_rows(engine, [USUAL]))
    assert (row["is_canonical"], row["problems"], row["followers"]) == (True, "", 1200)


def test_a_row_with_one_odd_cell_is_usual_only_if_it_is_good(engine: DuckDBWarehouse) -> None:
    rows: list[dict[str, str | None]] = [{**USUAL, column: cell} for column in PROFILE_COLUMNS for cell in ODD]
    assert_usual_rows_are_good(told(engine, raw_rows(engine, rows)))


def test_so_is_one_with_several(engine: DuckDBWarehouse) -> None:
    drawn = random.Random(7)
    rows = []
    for _ in range(5_000):
        odd = drawn.sample([*PROFILE_COLUMNS], drawn.randint(0, 4))
        rows.append({**USUAL, **{name: drawn.choice(ODD) for name in odd}})
    assert assert_usual_rows_are_good(told(engine, raw_rows(engine, rows))) > 1_000


@pytest.mark.parametrize(
    ("dialect", "form"),
    [("public_csv", "{year}-{month:02}-{day:02}"), ("spreadsheet_csv", "{day:02}-{month:02}-{year}")],
)
def test_a_usual_day_is_a_real_one(engine: DuckDBWarehouse, dialect: str, form: str) -> None:
    days = [
        form.format(year=year, month=month, day=day)
        for year in (2000, 2019, 2023, 2024, 2099, 2100, 1900)
        for month in range(14)
        for day in range(33)
    ]
    found = told(engine, raw_rows(engine, [USUAL | {"observed_on": day} for day in days], dialect))
    assert assert_usual_rows_are_good(found) > 5 * 12 * 28 - 1
    assert [row for row in found if row["is_canonical"] and row["observed_on"] is None] == []


@pytest.mark.parametrize("changed", [{"read_problem": "ragged"}, {"is_under_age": "true"}, {"is_under_age": "maybe"}])
def test_a_torn_row_and_one_of_a_minor_are_judged(engine: DuckDBWarehouse, changed: dict[str, str]) -> None:
    (row,) = told(engine, raw_rows(engine, [USUAL | changed]))
    assert not row["is_canonical"]


def test_rows_of_activity_are_all_judged(engine: DuckDBWarehouse) -> None:
    frame = engine.persist(pa.table({"account_id": ["a"]}))
    assert mark_canonical(frame, CREATOR_ACTIVITY, engine).collect("pyarrow").item(0, "is_canonical") is False
