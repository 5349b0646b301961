"""The operations that narwhals lacks: casts that never fail, JSON, the sample key, persisted frames."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, date, datetime
from typing import Any

import narwhals as nw
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tiktok_pipeline.frames import to_pandas
from tiktok_pipeline.validated.clean import strip_and_nullify
from tiktok_pipeline.warehouse.base import CastType, Column, TableSpec, Warehouse
from tiktok_pipeline_tests.engines import open_warehouse, with_sql
from tiktok_pipeline_tests.warehouse.tables import rows_of


def lazy_frame(engine: Warehouse, **columns: list[str | None]) -> nw.LazyFrame[Any]:
    """Return a lazy frame of texts, read from a table of the engine."""
    spec = TableSpec(
        schema="shelf",
        name="texts",
        description="texts",
        columns=(
            Column(name="snapshot", type="text", description="slice"),
            Column(name="place", type="integer", description="order"),
            *(Column(name=name, type="text", description="text") for name in columns),
        ),
    )
    length = len(next(iter(columns.values())))
    cells = {name: pa.array(values, pa.string()) for name, values in columns.items()}
    engine.replace_slice(spec, {"snapshot": "s"}, pa.table({"place": list(range(length)), **cells}))
    return engine.read_slice(spec, {"snapshot": "s"}).sort("place")


@pytest.mark.parametrize(
    ("type_", "text", "value"),
    [
        ("integer", "12", 12),
        ("integer", "-3", -3),
        ("integer", "1.5E+06", 1_500_000),
        ("integer", "12345678901234567890", None),
        ("integer", "many", None),
        ("integer", "", None),
        ("integer", None, None),
        ("float", "0.05", 0.05),
        ("float", "nan", None),
        ("float", "inf", None),
        ("float", "-Infinity", None),
        ("float", "1e999", None),
        ("float", "5%", None),
        ("float", None, None),
        ("date", "2023-08-12", date(2023, 8, 12)),
        ("date", "2023-02-31", None),
        ("date", "12-08-2023", None),
        ("date", "never", None),
    ],
)
def test_a_cell_that_does_not_fit_becomes_null(
    engine: Warehouse, type_: CastType, text: str | None, value: object
) -> None:
    cast = engine.try_cast(lazy_frame(engine, cell=[text], other=["kept"]), {"cell": type_})
    assert rows_of(cast) == [{"place": 0, "cell": value, "other": "kept"}]


def test_json_drops_nulls_and_escapes(engine: Warehouse) -> None:
    frame = lazy_frame(engine, a=["1", None, None], b=['it\'s "x"\n\x00🎉\\', "", None])
    keys = {"a": "a", '\'; drop "x"': "b"}
    records = [row["record"] for row in rows_of(engine.to_json(frame, "record", keys))]
    assert [text and json.loads(text) for text in records] == [
        {"a": "1", '\'; drop "x"': 'it\'s "x"\n\x00🎉\\'},
        {'\'; drop "x"': ""},
        None,
    ]


def test_json_keys_that_differ_by_case_stay_apart(engine: Warehouse) -> None:
    frame = engine.to_json(lazy_frame(engine, a=["1"], b=["2"]), "record", {"Key": "a", "key": "b", "": "a"})
    assert json.loads(rows_of(frame)[0]["record"]) == {"Key": "1", "key": "2", "": "1"}


def test_json_without_cells_is_null(engine: Warehouse) -> None:
    assert rows_of(engine.to_json(lazy_frame(engine, a=["1"]), "record", {}))[0]["record"] is None


def test_sample_key_is_the_start_of_the_md5(engine: Warehouse) -> None:
    texts = ["", "creator_1", "ключ", "🎉"]
    sample_keys = [row["sample_key"] for row in rows_of(engine.sample_key(lazy_frame(engine, who=[*texts]), "who"))]
    assert sample_keys[0] == "d41d8cd98f00b20"  # md5 of the empty text: d41d8cd98f00b204...
    assert sample_keys == [hashlib.md5(text.encode()).hexdigest()[:15] for text in texts]


@pytest.mark.parametrize("salt", ["", "5f", 'it\'s; drop "x" --', "соль"])
def test_salted_hash_lowers_a_to_z_only(engine: Warehouse, salt: str) -> None:
    texts = ["Maker.1_X", "maker.1_x", "", "ÄÖ", "КЛЮЧ", "it's", "🎉", None]
    rows = rows_of(engine.salted_hash(lazy_frame(engine, who=texts, other=["A"] * 8), ["who", "other"], salt))
    assert list(rows[0]) == ["place", "who", "other", "who_hash", "other_hash"]
    assert [row["who"] for row in rows] == texts
    lowered = ["maker.1_x", "maker.1_x", "", "ÄÖ", "КЛЮЧ", "it's", "🎉"]
    expected = [*(hashlib.sha256((salt + text).encode()).hexdigest() for text in lowered), None]
    assert [row["who_hash"] for row in rows] == expected
    assert expected[0] == expected[1]
    assert {row["other_hash"] for row in rows} == {hashlib.sha256(f"{salt}a".encode()).hexdigest()}


def test_every_cell_is_a_row_with_the_index_of_its_row(engine: Warehouse) -> None:
    frame = lazy_frame(engine, who=["a", None], other=["b", "c"], left_out=["x", "x"])
    cells = rows_of(engine.cells_of(frame, ["who", "other"], index="place"))
    assert [(cell["place"], cell["cell"]) for cell in cells] == [(0, "a"), (0, "b"), (1, None), (1, "c")]


def test_salted_hash_of_the_empty_text_is_the_known_one(engine: Warehouse) -> None:
    row = rows_of(engine.salted_hash(lazy_frame(engine, who=[""]), ["who"], ""))[0]
    assert row["who_hash"] == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_persisted_frames_are_computed_once(engine: Warehouse) -> None:
    persisted = engine.persist(with_sql(lazy_frame(engine, a=["x"] * 100), "place", "random() as r"))
    assert rows_of(persisted.sort("place")) == rows_of(persisted.sort("place"))
    other = engine.persist(persisted.filter(nw.col("place") < 10))
    assert (len(rows_of(persisted)), len(rows_of(other))) == (100, 10)


def test_a_table_in_memory_is_persisted_too(engine: Warehouse) -> None:
    rows = [{"who": "a", "score": 0.5}, {"who": "b", "score": None}, {"who": None, "score": 1.0}]
    persisted = engine.persist(pa.Table.from_pylist(rows))
    assert rows_of(persisted) == rows
    joined = persisted.join(engine.persist(pa.table({"who": ["b"]})), on="who", how="inner")
    assert rows_of(joined) == rows[1:2]
    empty = engine.persist(pa.table({"who": pa.array([], pa.string())}))
    assert (rows_of(empty), empty.collect_schema().names()) == ([], ["who"])
    engine.unpersist_all()
    with pytest.raises(Exception, match=r"persisted_1|[Pp]arquet"):
        rows_of(persisted)


@settings(deadline=None)
@given(st.lists(st.one_of(st.none(), st.text(" \t\n\r\x0b\x0c!Nanuléü🎉\u00a0\x1f", max_size=7)), max_size=30))
def test_strip_and_nullify_equals_the_rule_of_the_stages(texts: list[str | None]) -> None:
    texts = [*texts, " NaN ", "null", "NULL", "None", "NaN", "nulls", "", " ", "a ", " a", None]
    with open_warehouse("duckdb", None) as engine:
        frame = engine.strip_and_nullify(lazy_frame(engine, who=[*texts]), {"stripped": "who"})
        rows = rows_of(frame.with_columns(strip_and_nullify(nw.col("who")).alias("expected")))
    assert [row["stripped"] for row in rows] == [row["expected"] for row in rows]


def test_every_engine_strips_and_nullifies_alike(engine: Warehouse) -> None:
    kept = ["nulls", "a\n", "\u00a0a", "a\x1f", "é ü", "🎉"]
    texts = [" \t\v\f\r\na b\n ", " NaN ", "null", "None\n", "N/A", "<na>", "", " \n", None, *kept]
    rows = rows_of(engine.strip_and_nullify(lazy_frame(engine, who=texts), {"stripped": "who"}))
    expected = ["a b", *[None] * 8, "nulls", "a", "\u00a0a", "a\x1f", "é ü", "🎉"]
    assert [(row["who"], row["stripped"]) for row in rows] == list(zip(texts, expected, strict=True))
    own_words = engine.strip_and_nullify(
        lazy_frame(engine, who=["x", "X", "xx", "NaN"]), {"own": "who", "usual": "who"}, missing={"own": "x"}
    )
    assert [(row["own"], row["usual"]) for row in rows_of(own_words)] == [
        (None, "x"),
        ("X", "X"),
        ("xx", "xx"),
        ("NaN", None),
    ]


def test_rows_are_chosen_by_a_computed_column(engine: Warehouse) -> None:
    frame = lazy_frame(engine, who=["a", "b", "c"]).with_columns((nw.col("place") * 2).alias("twice"))
    assert rows_of(engine.where(frame, nw.col("twice") > 1).sort("place")) == [
        {"place": 1, "who": "b", "twice": 2},
        {"place": 2, "who": "c", "twice": 4},
    ]
    assert rows_of(engine.where(frame, nw.col("twice") > 9)) == []
    unknown = nw.when(nw.col("place") < 0).then(nw.col("twice")) > 1
    assert rows_of(engine.where(frame, unknown)) == []


def test_division_by_zero_is_infinite_or_not_a_number(engine: Warehouse) -> None:
    rows = engine.persist(
        pa.table({"place": [0, 1, 2, 3, 4], "a": [1.0, -1.0, 0.0, None, 3.0], "b": [0, 0, 0, 0, 2]})
    )
    found = rows_of(rows.with_columns((nw.col("a") / nw.col("b")).alias("ratio")).sort("place"))
    assert [str(row["ratio"]) for row in found] == ["inf", "-inf", "nan", "None", "1.5"]


def test_a_small_table_has_the_same_types_in_pandas(engine: Warehouse) -> None:
    columns = {"n": pa.array([1, None]), "is_new": pa.array([True, None]), "who": pa.array(["a", None])}
    days = {"day": pa.array([date(2024, 1, 1), None]), "whole": pa.array([1, 2])}
    frame = to_pandas(engine.persist(pa.table(columns | days)))
    types = {"n": "Int64", "is_new": "boolean", "who": "str", "day": "datetime64[us]", "whole": "int64"}
    assert frame.dtypes.astype(str).to_dict() == types


def test_a_difference_of_times_has_whole_seconds_and_minutes(engine: Warehouse) -> None:
    start = datetime(1970, 1, 1)  # noqa: DTZ001 - the warehouse stores UTC times without a zone
    times = [datetime(2024, 1, 1, 0, 2, 5), start, datetime(1969, 12, 31, 23, 58, 30), None]  # noqa: DTZ001
    rows = engine.persist(pa.table({"place": [0, 1, 2, 3], "time": pa.array(times, pa.timestamp("us"))}))
    since = nw.col("time") - nw.lit(start)
    totals = rows.with_columns(seconds=since.dt.total_seconds(), minutes=since.dt.total_minutes()).sort("place")
    found = [(row["seconds"], row["minutes"]) for row in rows_of(totals)]
    assert found == [(19_723 * 86_400 + 125, 19_723 * 1_440 + 2), (0, 0), (-90, -1), (None, None)]


def test_rows_share_a_bucket_by_their_text(engine: Warehouse) -> None:
    frame = lazy_frame(engine, who=[f"creator {number % 50}" for number in range(200)])
    rows = rows_of(engine.bucket(frame, "who", "part", buckets=4))
    assert {row["part"] for row in rows} == {0, 1, 2, 3}
    assert len({(row["who"], row["part"]) for row in rows}) == 50


def test_a_fingerprint_tells_rows_apart_in_any_order(engine: Warehouse) -> None:
    frame = lazy_frame(engine, a=["x", None, "z"], b=[None, "x", "z"])
    swapped = frame.select("place", nw.col("b").alias("a"), nw.col("a").alias("b"))
    prints = [
        engine.fingerprint(rows) for rows in (frame, frame.sort("place", descending=True), frame.head(2), swapped)
    ]
    assert prints[0] == prints[1]
    assert len({*prints}) == 3


def test_values_in_more_than_one_row_are_marked(engine: Warehouse) -> None:
    texts = ["a", "b", "a", None, None, "c", "🎉", "🎉"]
    frame = lazy_frame(engine, who=[*texts])
    rows = rows_of(engine.mark_repeated(frame.filter(nw.col("place") > 0), "who", among=frame).sort("place"))
    assert [(row["who"], row["is_repeated"]) for row in rows] == [
        (text, text is not None and texts.count(text) > 1) for text in texts[1:]
    ]


def test_a_column_without_values_has_no_repeated_one(engine: Warehouse) -> None:
    frame = lazy_frame(engine, who=["a", "a"]).with_columns(nw.lit(None).cast(nw.String).alias("number"))
    marked = engine.mark_repeated(frame, "number", among=frame.select("number"))
    assert [row["is_repeated"] for row in rows_of(marked)] == [False, False]


KEYS = {"video_id": ("video_id", "id"), "plays": ("playcount", "play_count")}


def items(engine: Warehouse, *texts: str | None) -> list[tuple[Any, ...]]:
    """Return (place, video_id, plays) of each item of the lists."""
    frame = engine.unnest_items(lazy_frame(engine, list=list(texts)), "list", keys=KEYS, link_mark="/video/")
    assert frame.collect_schema().names() == ["place", "video_id", "plays"]
    rows = frame.collect("pyarrow").to_native().to_pylist()
    return sorted((tuple(row.values()) for row in rows), key=repr)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://t.test/@a/video/1,https://t.test/@a/video/22?x=/video/3", ["1", "22", "3"]),
        ("['t/video/1', 't/video/1']", ["1"]),
        ("t/video/7.2E+18;t/video/2 t/video/3/", ["7.2E+18", "2", "3"]),
        ('[{"video_url": "t/video/5"}]', ["5"]),
        ('[{"video_id": "cut off", "video_url": "t/video/5"', ["5"]),
        ('[{"video_id": "1"}, {"id": 2}, {"video_id": "1"}, 3]', ["1", "2", None]),
        ('{"video_id": "1"}', []),
        ("[]", []),
        ("", []),
        (None, []),
    ],
)
def test_unnest_items_gives_each_item_of_a_list_once(
    engine: Warehouse, text: str | None, expected: list[str | None]
) -> None:
    assert sorted(row[1] or "" for row in items(engine, text)) == sorted(name or "" for name in expected)
    # A list of objects in another row makes the engine read the lists in another way.
    beside = [row[1] or "" for row in items(engine, text, '[{"video_id": "9"}]') if row[0] == 0]
    assert sorted(beside) == sorted(name or "" for name in expected)


def test_unnest_items_reads_the_first_key_that_an_object_has(engine: Warehouse) -> None:
    text = '[{"video_id": "1", "play_count": 5}, {"video_id": "2", "playcount": "7", "play_count": 8}]'
    assert items(engine, None, text) == [(1, "1", "5"), (1, "2", "7")]


@pytest.mark.parametrize(
    ("text", "second"),
    [
        (str(1_700_000_000 << 32), 1_700_000_000),
        (str((1_700_000_000 << 32) + 2**32 - 1), 1_700_000_000),
        ("12", 0),
        ("7.2E+18", None),
        (str(2**63), None),
        ("-5", None),
        ("1_000", None),
        (" 12", None),
        ("", None),
        (None, None),
    ],
)
def test_snowflake_time_reads_whole_numbers_of_64_bits(
    engine: Warehouse, text: str | None, second: int | None
) -> None:
    frame = engine.snowflake_time(lazy_frame(engine, id=[text]), "id", "time")
    time = frame.collect("pyarrow").item(0, "time")
    expected = None if second is None else datetime.fromtimestamp(second, tz=UTC).replace(tzinfo=None)
    assert time == expected


def test_quantiles_are_interpolated_in_each_group(engine: Warehouse) -> None:
    rows = engine.persist(
        pa.table({"tier": ["a", "a", "a", "b"], "plays": [1, 2, 4, None], "rate": [0.1, 0.2, None, 0.4]})
    )
    found = engine.quantiles(rows, ["plays", "rate"], {"median": 0.5, "p75": 0.75}, by="tier").sort("tier")
    names = ["tier", "plays_median", "plays_p75", "rate_median", "rate_p75"]
    first, second = found.select(names).collect("pyarrow").to_native().to_pylist()
    assert first == {"tier": "a", "plays_median": 2.0, "plays_p75": 3.0, "rate_median": pytest.approx(0.15)} | {
        "rate_p75": pytest.approx(0.175)
    }
    assert second == {"tier": "b", "plays_median": None, "plays_p75": None, "rate_median": 0.4, "rate_p75": 0.4}
