"""Every row is valid, or rejected with every reason; no row is lost or counted twice."""

from __future__ import annotations

import csv
import io
import json
import tempfile
from collections.abc import Collection, Iterator
from pathlib import Path

import narwhals as nw
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tiktok_pipeline.raw.dialects import recognize
from tiktok_pipeline.raw.read import read_file
from tiktok_pipeline.raw.schema import PROFILES
from tiktok_pipeline.validated import validate as judge
from tiktok_pipeline.validated.schema import LARGEST_COUNT, MOST_FOLLOWERS, PROFILES_TABLE, REJECTED_TABLE
from tiktok_pipeline.validated.validate import (
    SnapshotRejectedError,
    check_balance,
    inconsistent_rates,
    validate_source,
    without_quoted_cells,
)
from tiktok_pipeline.warehouse.duckdb.warehouse import DuckDBWarehouse
from tiktok_pipeline_tests.hypothesis_profiles import examples
from tiktok_pipeline_tests.validated.scrapes import Verdict, csv_of, judged

DUPLICATE = "account_id: an older or earlier duplicate of the row that is kept for this account"
UNDER_AGE = "is_under_age: the platform says the person is under 18; nothing of the profile is kept"
COUNT = "is not a count such as 1200, 12,345 or 1.2M"
RANGE = f"expected 0 to {MOST_FOLLOWERS}"
FORM = "account_id: expected a handle such as some.creator: no blank, slash or quote, at most 64 characters"


@pytest.fixture(scope="module", autouse=True, params=[0.0, 1.0], ids=["all rows cleaned", "fast path"])
def strategy(request: pytest.FixtureRequest) -> Iterator[None]:
    """Every test runs with both strategies: all rows are cleaned, or canonical rows take the fast path."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(judge, "MAX_MATERIALIZED_SHARE", request.param)
        if not request.param:
            patch.setattr(judge, "FIRST_ROWS", 0)  # no table is small
        yield


@pytest.fixture(scope="module")
def opened() -> Iterator[DuckDBWarehouse]:
    """One engine for all examples of a property."""
    with DuckDBWarehouse(None) as engine:
        yield engine


def of_csv(engine: DuckDBWarehouse, folder: Path, content: str) -> Verdict:
    path = folder / "f.csv"
    path.write_text(content, encoding="utf-8", newline="")
    return judged(engine, path)


BAD_ROWS: list[tuple[dict[str, str], list[str]]] = [
    ({"followers": "-1"}, [f"followers: {RANGE}"]),
    ({"followers": ""}, ["followers: missing"]),
    ({"followers": "null"}, ["followers: missing"]),
    ({"followers": "many"}, [f"followers: many {COUNT}"]),
    ({"followers": "1.5"}, [f"followers: 1.5 {COUNT}"]),
    ({"followers": "12345678901234567890"}, [f"followers: 12345678901234567890 {COUNT}"]),
    ({"followers": str(MOST_FOLLOWERS + 1)}, [f"followers: {RANGE}"]),
    ({"account_id": ""}, ["account_id: missing"]),
    ({"account_id": "██"}, ["account_id: missing"]),
    ({"account_id": "two words"}, [FORM]),
    ({"account_id": 'one"two'}, [FORM]),
    ({"account_id": "@"}, [FORM]),
    ({"account_id": "a" * 65}, [FORM]),
    ({"account_id": "a\x00b"}, ["account_id: holds a NUL character", FORM]),
    (
        {"account_id": "", "followers": "x", "following": "-1", "likes": "", "timestamp": "never"},
        [f"followers: x {COUNT}", "account_id: missing"],
    ),
    ({"followers": "x\x1faccount_id: y", "account_id": ""},
        [f"followers: x account_id: y {COUNT}", "account_id: missing"]),
    ({"followers": "9" * 80}, [f"followers: {'9' * 60} {COUNT}"]),
]  # fmt: skip
"""Cells of a bad row, and every reason it is rejected for."""

UNREAD_ROWS: list[tuple[dict[str, str], str]] = [
    ({"likes": "12345678901234567890"}, "likes"),
    ({"likes": "1000000000000001"}, "likes"),
    ({"likes": "-977433948"}, "likes"),
    ({"following": "many"}, "following"),
    ({"videos_count": "1.5"}, "videos_count"),
    ({"biography": "a\x00b"}, "biography"),
    ({"biography": "x" * 10_001}, "biography"),
    ({"timestamp": "2023-02-31"}, "observed_on"),
    ({"timestamp": "12-08-2023"}, "observed_on"),
    ({"awg_engagement_rate": "5%"}, "avg_engagement_rate"),
    ({"awg_engagement_rate": "-0.1"}, "avg_engagement_rate"),
    ({"is_verified": "maybe"}, "is_verified"),
    ({"id": "6.79444E+18"}, "tiktok_id"),
    ({"id": "abc"}, "tiktok_id"),
]
"""An optional cell that cannot be read, and its column: the row is valid without it."""

UNUSUAL_ROWS: list[dict[str, str]] = [
    {"followers": "0", "following": "0", "likes": "0", "videos_count": "0"},
    {"followers": "1.2M", "likes": "12,345"},
    {"awg_engagement_rate": "", "timestamp": "null", "biography": "NaN", "nickname": ""},
    {"awg_engagement_rate": "1.5"},
    {"biography": "🎉\u202e\n'; drop table x; --"},
    {"account_id": "@Maker.1_x"},
]
"""Cells of a row that is unusual and valid."""


@pytest.fixture(scope="module")
def mixed(strategy: None, opened: DuckDBWarehouse, tmp_path_factory: pytest.TempPathFactory) -> Verdict:
    """One file: a plain row, all bad rows, all unusual and unread rows, a plain row."""
    unread = (cells for cells, _ in UNREAD_ROWS)
    content = csv_of({}, *(cells for cells, _ in BAD_ROWS), *UNUSUAL_ROWS, *unread, {})
    return of_csv(opened, tmp_path_factory.mktemp("mixed"), content)


@pytest.mark.parametrize("number", range(len(BAD_ROWS)), ids=lambda number: str(list(BAD_ROWS[number][0])))
def test_a_bad_row_is_rejected_with_every_reason(mixed: Verdict, number: int) -> None:
    assert mixed.reasons[number + 2] == BAD_ROWS[number][1]


def test_plain_and_unusual_rows_beside_bad_rows_are_valid(mixed: Verdict) -> None:
    first_unusual = 2 + len(BAD_ROWS)
    assert mixed.kept == [1, *range(first_unusual, first_unusual + len(UNUSUAL_ROWS) + len(UNREAD_ROWS) + 1)]
    assert set(mixed.reasons) == set(range(2, first_unusual))
    assert list(mixed.valid[0]) == PROFILES_TABLE.frame_names


@pytest.mark.parametrize("number", range(len(UNREAD_ROWS)), ids=lambda number: str(UNREAD_ROWS[number][0])[:40])
def test_an_optional_cell_that_cannot_be_read_is_missing(mixed: Verdict, number: int) -> None:
    place = 2 + len(BAD_ROWS) + len(UNUSUAL_ROWS) + number
    (row,) = [row for row in mixed.valid if row["source_row"] == place]
    assert row[UNREAD_ROWS[number][1]] is None
    assert row["followers"] == 10


def test_unread_cells_are_counted_by_column_without_texts_of_people(mixed: Verdict) -> None:
    counted = {row["column_name"]: (row["cells"], row["example"]) for row in mixed.unread_cells}
    names = [name for _, name in UNREAD_ROWS]
    assert {name: cells for name, (cells, _) in counted.items()} == {name: names.count(name) for name in names}
    assert counted["likes"][1] == "-977433948"
    assert counted["biography"][1] is None
    assert counted["following"][1] is None
    assert {row["source_file"] for row in mixed.unread_cells} == {"f.csv"}


@pytest.mark.parametrize(
    ("header", "cell", "expected"),
    [("bio_link,", "https://example.org,", True), ("bio_link,", ",", False), ("", "", None)],
)
def test_a_column_that_the_file_lacks_is_unknown_and_an_empty_cell_is_no(
    engine: DuckDBWarehouse, tmp_path: Path, header: str, cell: str, *, expected: bool | None
) -> None:
    verdict = of_csv(engine, tmp_path, f"account_id,{header}followers\na,{cell}10\n")
    (row,) = verdict.valid
    assert (row["has_bio_link"], row["has_biography"]) == (expected, None)
    assert (row["likes"], row["following"], row["videos_count"]) == (None, None, None)


def test_a_row_that_is_not_whole_is_judged_by_that_alone(engine: DuckDBWarehouse, tmp_path: Path) -> None:
    content = csv_of({}) + "short,2023-02-31\r\nlong,x,b,b,-1,x,,,,,,\r\n" + csv_of().splitlines()[0] + "\r\n"
    verdict = of_csv(engine, tmp_path, content)
    assert verdict.reasons == {
        2: ["ragged: fewer than 10 cells"],
        3: ["ragged: more than 10 cells"],
        4: ["the header, repeated among the rows"],
    }


def test_the_record_of_a_rejected_row_is_the_row_as_delivered(engine: DuckDBWarehouse, tmp_path: Path) -> None:
    cells = {
        "followers": " -1,5 ",
        "account_id": "@maker",
        "biography": 'it\'s "x"\n🎉\x00',
        "remark": "r",
        "likes": "null",
    }
    row = of_csv(engine, tmp_path, csv_of(cells)).rejected[0]
    assert list(row) == REJECTED_TABLE.frame_names
    assert (row["source"], row["source_file"], row["source_row"], row["account_id"]) == (
        "profiles",
        "f.csv",
        1,
        "maker",
    )
    record = json.loads(row["record"])
    assert json.loads(record.pop("extra")) == {"remark": "r"}
    assert record == {
        "account_id": "@maker",
        "nickname": "n",
        "biography": 'it\'s "x"\n🎉\x00',
        "followers": " -1,5 ",
        "following": "2",
        "likes": "null",
        "videos_count": "4",
        "avg_engagement_rate": "0.5",
        "observed_on": "2023-08-01",
    }


def test_of_duplicates_the_newest_row_stays_then_the_last(engine: DuckDBWarehouse, tmp_path: Path) -> None:
    accounts = {  # observation dates of an account's rows, and which row stays (from 1)
        "newest": (["2023-08-01", "2023-08-03", "2023-08-02"], 2),
        "last": (["2023-08-01", "2023-08-01", "2023-08-01"], 3),
        "dated": (["", "2023-08-01", ""], 2),
        "dated_first": (["2023-08-01", "", ""], 1),
        "undated": (["", ""], 2),
        "last_of_newest": (["2023-08-02", "2023-08-02", "2023-08-01"], 2),
    }
    rows = [
        {"account_id": f"@{account}" if number % 2 else account, "timestamp": day}
        for account, (days, _) in accounts.items()
        for number, day in enumerate(days)
    ]
    verdict = of_csv(engine, tmp_path, csv_of(*rows))
    expected, place = [], 0
    for days, kept in accounts.values():
        expected.append(place + kept)
        place += len(days)
    assert verdict.kept == expected
    assert verdict.reasons == {row: [DUPLICATE] for row in range(1, place + 1) if row not in expected}


def test_duplicates_over_the_files_of_a_snapshot(engine: DuckDBWarehouse, tmp_path: Path) -> None:
    """The newest row stays whichever file it stands in; on a tie that of the last file, then of its last row."""
    days = {
        "a.csv": [("one", "2023-08-02"), ("two", "2023-08-01"), ("two", "2023-08-01"), ("three", "")],
        "b.csv": [("one", "2023-08-01"), ("two", "2023-08-01"), ("two", "2023-08-01"), ("four", "")],
    }
    parts = []
    for name, rows in days.items():
        content = csv_of(*({"account_id": account, "timestamp": day} for account, day in rows))
        (tmp_path / name).write_text(content, newline="")
        scan = engine.scan(tmp_path / name, "csv")
        parts.append(read_file(scan, recognize(scan.header, file=name), source_file=name, engine=engine))
    verdict = validate_source(nw.concat(parts, how="vertical"), PROFILES, engine)
    good = verdict.valid.collect("pyarrow").to_native().to_pylist()
    places = sorted((row["account_id"], row["source_file"], row["source_row"]) for row in good)
    assert places == [("four", "b.csv", 4), ("one", "a.csv", 1), ("three", "a.csv", 4), ("two", "b.csv", 3)]
    rejected = verdict.rejected.collect("pyarrow").to_native().to_pylist()
    assert [row["reasons"] for row in rejected] == [[DUPLICATE]] * 4


def test_a_bad_row_does_not_push_a_good_one_out(engine: DuckDBWarehouse, tmp_path: Path) -> None:
    rows = [{"account_id": "same"}, {"account_id": "same", "timestamp": "2023-09-01", "followers": "-1"}]
    verdict = of_csv(engine, tmp_path, csv_of(*rows, {"account_id": ""}, {"account_id": ""}))
    assert verdict.kept == [1]
    assert verdict.reasons == {2: [f"followers: {RANGE}"], 3: ["account_id: missing"], 4: ["account_id: missing"]}


def assert_nothing_is_kept(verdict: Verdict, places: Collection[int]) -> None:
    """These rows are rejected as under age, and nothing but their place is told of them."""
    rejected = {row["source_row"]: row for row in verdict.rejected}
    for place in places:
        assert rejected[place] == {
            "source": "profiles",
            "source_file": "f.csv",
            "source_row": place,
            "account_id": None,
            "reasons": [UNDER_AGE],
            "record": None,
        }


def flagged(*flags: str) -> str:
    """One profile for each flag."""
    return csv_of(*({"is_under_age_18": flag} for flag in flags))


def test_of_a_person_under_age_nothing_is_kept(engine: DuckDBWarehouse, tmp_path: Path) -> None:
    flags = ["", "true", "TRUE", "True", "t", "yes", "Y", "1", "  true ", "\tYES", ""]
    verdict = of_csv(engine, tmp_path, flagged(*flags))
    assert {row["dialect"] for row in verdict.raw} == {"vendor_export"}
    assert verdict.kept == [1, 11]
    assert list(verdict.reasons) == [2, 3, 4, 5, 6, 7, 8, 9, 10]
    assert_nothing_is_kept(verdict, verdict.reasons)


def test_a_person_of_age_is_a_row_like_others(engine: DuckDBWarehouse, tmp_path: Path) -> None:
    flags = ["false", "FALSE", "f", "no", "N", "0", "", " ", "null", "None"]
    verdict = of_csv(engine, tmp_path, flagged(*flags))
    assert (verdict.kept, verdict.reasons) == (list(range(1, 11)), {})
    assert list(verdict.valid[0]) == PROFILES_TABLE.frame_names


MAYBE_UNDER_AGE = "is_under_age: a cell is not true or false; nothing of the profile is kept"


def test_of_a_row_whose_flag_cannot_be_read_nothing_is_kept(engine: DuckDBWarehouse, tmp_path: Path) -> None:
    flags = [
        "maybe",
        "17",
        "1.5",
        "truee",
        "+",
        "'TRUE",
        "\uff34\uff32\uff35\uff25",
        "tru\u200be",
        "true.",
        "under 18",
    ]
    content = flagged(*flags) + flagged("maybe").splitlines()[1].replace("maker_0", "") + "\r\n"
    verdict = of_csv(engine, tmp_path, content)
    assert verdict.reasons == {place: [MAYBE_UNDER_AGE] for place in range(1, 12)}
    assert [(row["account_id"], row["record"]) for row in verdict.rejected] == [(None, None)] * 11


def test_the_other_rows_of_an_account_go_with_a_flag_that_cannot_be_read(
    engine: DuckDBWarehouse, tmp_path: Path
) -> None:
    rows = [
        {"account_id": "same"},
        {"account_id": "@Same", "is_under_age_18": "perhaps"},
        {"account_id": "other"},
        {"account_id": "young", "is_under_age_18": "perhaps"},
        {"account_id": "young", "is_under_age_18": "true"},
    ]
    verdict = of_csv(engine, tmp_path, csv_of(*rows))
    assert verdict.kept == [3]
    assert verdict.reasons == {1: [MAYBE_UNDER_AGE], 2: [MAYBE_UNDER_AGE], 4: [UNDER_AGE], 5: [UNDER_AGE]}
    assert [(row["account_id"], row["record"]) for row in verdict.rejected] == [(None, None)] * 4


@pytest.mark.parametrize("second", ["is_minor", "user.isUnderAge18", "userInfo_user_isUnderAge18"])
def test_one_of_several_flags_is_enough(engine: DuckDBWarehouse, tmp_path: Path, second: str) -> None:
    rows = [
        {"account_id": f"{name}{place}", "is_under_age_18": first, second: flag}
        for place, first in enumerate(["false", "", "N/A", "nein", "0"])
        for name, flag in (("young", "true"), ("grown", "no"), ("maybe", "?!"))
    ]
    verdict = of_csv(engine, tmp_path, csv_of(*rows))
    assert verdict.kept == [2, 5, 8, 11, 14]
    assert {place: reasons for place, reasons in verdict.reasons.items() if place % 3 == 1} == {
        place: [UNDER_AGE] for place in (1, 4, 7, 10, 13)
    }
    assert {place: reasons for place, reasons in verdict.reasons.items() if place % 3 == 0} == {
        place: [MAYBE_UNDER_AGE] for place in (3, 6, 9, 12, 15)
    }
    assert [(row["account_id"], row["record"]) for row in verdict.rejected] == [(None, None)] * 10


def test_the_flag_of_names_joined_by_underscores_is_read(engine: DuckDBWarehouse, tmp_path: Path) -> None:
    names = ("user_uniqueId", "user_id", "stats_followerCount", "stats_heartCount", "stats_videoCount")
    head = ",".join([*names, "userInfo_user_isUnderAge18"])
    content = f"{head}\nann,1,10,10,1,false\nyoung,2,10,10,1,true\n"
    verdict = of_csv(engine, tmp_path, content)
    assert {row["dialect"] for row in verdict.raw} == {"tiktok_api"}
    assert (verdict.kept, verdict.reasons) == ([1], {2: [UNDER_AGE]})


def test_of_a_torn_row_neither_name_nor_record_is_kept(engine: DuckDBWarehouse, tmp_path: Path) -> None:
    content = csv_of({"account_id": "grown"}, {"account_id": "young", "is_under_age_18": "true"})
    row = content.splitlines()[2]
    verdict = of_csv(engine, tmp_path, content.replace(row, f"{row},one cell too many"))
    assert verdict.reasons == {2: ["ragged: more than 11 cells"]}
    assert [(row["account_id"], row["record"]) for row in verdict.rejected] == [(None, None)]


def test_no_other_reason_quotes_a_person_under_age(engine: DuckDBWarehouse, tmp_path: Path) -> None:
    cells = dict.fromkeys(
        ("followers", "likes", "timestamp", "awg_engagement_rate", "nickname", "remark"), "hush\x00"
    )
    faults = cells | {"account_id": "hush hush", "biography": "hush" * 9000, "is_under_age_18": "true"}
    verdict = of_csv(engine, tmp_path, csv_of({}, faults))
    assert_nothing_is_kept(verdict, [2])
    assert "hush" not in str((verdict.rejected, verdict.valid))


def test_every_other_row_of_the_account_goes_too(engine: DuckDBWarehouse, tmp_path: Path) -> None:
    same = {"account_id": "same"}
    rows = [
        same,
        {**same, "is_under_age_18": "yes"},
        {"account_id": "other"},
        {**same, "is_under_age_18": "false", "timestamp": "2024-01-01"},
        {**same, "likes": "-1"},
        {**same, "is_under_age_18": "maybe"},
        {"account_id": "@same"},
        {"account_id": " same "},
        {"account_id": "██", "url": "https://www.tiktok.com/@same?lang=en"},
        {"account_id": "", "url": "https://www.tiktok.com/@same"},
    ]
    verdict = of_csv(engine, tmp_path, csv_of(*rows))
    assert verdict.kept == [3]
    assert list(verdict.reasons) == [1, 2, 4, 5, 6, 7, 8, 9, 10]
    assert_nothing_is_kept(verdict, verdict.reasons)


def test_a_person_under_age_in_one_file_is_left_out_of_all(engine: DuckDBWarehouse, tmp_path: Path) -> None:
    contents = {
        "public.csv": csv_of({"account_id": "young"}, {"account_id": "grown"}),
        "vendor.csv": csv_of({"account_id": "young", "is_under_age_18": "1"}, {"account_id": "third"}),
    }
    parts = []
    for name, content in contents.items():
        (tmp_path / name).write_text(content, newline="")
        scan = engine.scan(tmp_path / name, "csv")
        parts.append(read_file(scan, recognize(scan.header, file=name), source_file=name, engine=engine))
    verdict = validate_source(nw.concat(parts, how="vertical"), PROFILES, engine)
    good = verdict.valid.sort("account_id").collect("pyarrow").to_native().to_pylist()
    assert [row["account_id"] for row in good] == ["grown", "third"]
    rejected = verdict.rejected.sort("source_file").collect("pyarrow").to_native().to_pylist()
    assert [(row["source_file"], row["account_id"], row["record"], row["reasons"]) for row in rejected] == [
        ("public.csv", None, None, [UNDER_AGE]),
        ("vendor.csv", None, None, [UNDER_AGE]),
    ]


def test_a_person_under_age_without_a_handle_stands_for_no_other(engine: DuckDBWarehouse, tmp_path: Path) -> None:
    verdict = of_csv(engine, tmp_path, csv_of({"account_id": "", "is_under_age_18": "true"}, {"account_id": ""}, {}))
    assert verdict.reasons == {1: [UNDER_AGE], 2: ["account_id: missing"]}
    assert_nothing_is_kept(verdict, [1])


def test_a_torn_row_says_nothing_about_an_age(engine: DuckDBWarehouse, tmp_path: Path) -> None:
    """Its cells may stand in the wrong columns; but where it names a person under age, it goes like the others."""
    content = csv_of({"account_id": "young", "is_under_age_18": "true"}, {"account_id": "grown"})
    row = content.splitlines()[1]
    assert row.startswith("young,")
    assert row.endswith(",true")
    torn = [row.replace("young", name) + ",too many" for name in ("grown", "young")]
    verdict = of_csv(engine, tmp_path, content + "\r\n".join(torn) + "\r\n")
    assert verdict.kept == [2]
    assert verdict.reasons == {
        1: [UNDER_AGE],
        3: ["ragged: more than 11 cells"],
        4: [UNDER_AGE],
    }
    assert_nothing_is_kept(verdict, [1, 4])
    (other,) = [row for row in verdict.rejected if row["source_row"] == 3]
    assert (other["account_id"], other["record"]) == (None, None)


def test_of_a_torn_record_that_may_be_a_childs_nothing_is_kept(engine: DuckDBWarehouse, tmp_path: Path) -> None:
    whole = {"account_id": "grown", "followers": 1, "following": 1, "likes": 1, "videos_count": 1, "is_minor": False}
    torn = json.dumps(whole | {"account_id": "young", "is_minor": True})[:-1]
    (tmp_path / "a.ndjson").write_text(f"{json.dumps(whole)}\n{torn}\n", encoding="utf-8")
    verdict = judged(engine, tmp_path / "a.ndjson")
    assert verdict.kept == [1]
    (row,) = verdict.rejected
    assert (row["account_id"], row["record"], "young" in str(row)) == (None, None, False)


def test_a_forgotten_row_is_rejected_as_that_and_says_nothing(engine: DuckDBWarehouse, tmp_path: Path) -> None:
    path = tmp_path / "f.csv"
    path.write_text(csv_of({}, {"likes": "-1"}, {"is_under_age_18": "true"}, {}), newline="")
    scan = engine.scan(path, "csv")
    dialect = recognize(scan.header, file="f.csv")
    raw = read_file(scan, dialect, source_file="f.csv", engine=engine, forgotten=[1, 2, 3])
    verdict = validate_source(raw, PROFILES, engine)
    assert verdict.valid.collect("pyarrow")["account_id"].to_list() == ["maker_3"]
    rejected = verdict.rejected.sort("source_row").collect("pyarrow").to_native().to_pylist()
    assert [(row["source_row"], row["account_id"], row["reasons"], row["record"]) for row in rejected] == [
        (place, None, ["forgotten"], None) for place in (1, 2, 3)
    ]


def logged(engine: DuckDBWarehouse, *reasons: str | None) -> list[str | None]:
    """Reasons as they may stand in a log."""
    frame = nw.from_native(engine._connection.from_arrow(pa.table({"reason": pa.array(reasons, pa.string())})))
    found: list[str | None] = (
        frame.select(without_quoted_cells(nw.col("reason")).alias("reason")).collect("pyarrow")["reason"].to_list()
    )
    return found


def test_what_a_reason_quotes_of_a_cell_is_not_logged(engine: DuckDBWarehouse) -> None:
    is_no_number = "is not a number such as 0.05"
    real_date = "is not a real date in the form of its kind of file"
    told = {
        f"followers: many {COUNT}": f"followers: a cell {COUNT}",
        f"followers: is not a joke, is not an answer {COUNT}": f"followers: a cell {COUNT}",
        f"likes: two\nlines: {COUNT}": f"likes: a cell {COUNT}",
        "is_verified: is not true love is not true or false": "is_verified: a cell is not true or false",
        "is_under_age: 17 is not true or false": "is_under_age: a cell is not true or false",
        f"avg_engagement_rate: 5% {is_no_number}": f"avg_engagement_rate: a cell {is_no_number}",
        f"observed_on: , the next one is me {real_date}": f"observed_on: a cell {real_date}",
        'no JSON object: {"hush": \n1': "no JSON object: ...",
        "no JSON object: followers: hush is not a count, the next one is hush": "no JSON object: ...",
    }
    assert dict(zip(told, logged(engine, *told), strict=True)) == told


def test_a_reason_that_quotes_no_cell_is_logged_as_it_is(engine: DuckDBWarehouse) -> None:
    reasons = [
        DUPLICATE,
        UNDER_AGE,
        FORM,
        f"likes: expected 0 to {LARGEST_COUNT}",
        "account_id: missing",
        "forgotten",
        "",
        None,
    ]
    reasons += [
        "biography: holds a NUL character",
        "ragged: fewer than 10 cells",
        "ragged: more than 10 cells",
        "the header, repeated among the rows",
    ]
    assert logged(engine, *reasons) == reasons


def test_no_reason_that_is_given_quotes_a_cell_in_a_log(engine: DuckDBWarehouse, tmp_path: Path) -> None:
    names = ("followers", "is_under_age_18")
    texts = ("hush", "a hush is not a hush is not an", ", the next one is hush", "hush: is not true ")
    cells = [{name: text} for name in names for text in texts]
    rows = csv_of(*cells, *({"account_id": f"{text} /"} for text in texts))
    torn = [f'{rows.splitlines()[1]},"{text}"\r\n' for text in texts]
    path = tmp_path / "f.ndjson"
    good = {"username": "a", "follower_count": 1, "following_count": 2, "likes_count": 3, "video_count": 4}
    path.write_text("\n".join([json.dumps(good), *(f"{{{text}" for text in texts)]))
    verdicts = (of_csv(engine, tmp_path, rows + "".join(torn)), judged(engine, path))
    reasons = [reason for verdict in verdicts for row in verdict.rejected for reason in row["reasons"]]
    assert len(reasons) == 4 * (len(names) + 3)
    assert sum("hush" in reason for reason in reasons) == 4  # a flag and the other reasons quote nothing at all
    assert [reason for reason in logged(engine, *reasons) if "hush" in str(reason)] == []


def test_duplicates_within_the_activity_file(engine: DuckDBWarehouse, tmp_path: Path) -> None:
    head = "User ID,Instagram visit score,Spending_rank(0 to 100)\n"
    verdict = of_csv(engine, tmp_path, head + "1,5,50\n1,6,60\n2,x,110.5\n3,7,104.93\n,,\n")
    assert verdict.kept == [2, 4]
    assert verdict.reasons == {
        1: [DUPLICATE],
        3: ["engagement_index: x is not a number", "monetization_maturity: expected 0.0 to 110.0"],
        5: ["account_id: missing", "engagement_index: missing", "monetization_maturity: missing"],
    }


def test_broken_ndjson_lines_are_rejected_without_their_text(engine: DuckDBWarehouse, tmp_path: Path) -> None:
    good = {"username": "a", "follower_count": 1, "following_count": 2, "likes_count": 3, "video_count": 4}
    path = tmp_path / "f.ndjson"
    path.write_text("\n".join([json.dumps(good), '{"username": "b', "{}", json.dumps(good | {"username": "c"})]))
    verdict = judged(engine, path)
    assert verdict.kept == [1, 4]
    assert verdict.reasons[2] == ["no JSON object: broken JSON"]
    assert verdict.reasons[3][0] == "account_id: missing"
    assert verdict.valid[0]["avg_engagement_rate"] is None  # missing, not zero


_CELL = st.one_of(
    st.sampled_from(["", "1", "-1", "null", "1.5", "1.2M", "2023-02-31", "account_id", "same", '"', '""', "a,b",
            "x\ny", "\x00"]),
    st.text(st.characters(blacklist_categories=["Cs"]), max_size=5),
)  # fmt: skip


@settings(max_examples=examples(12), deadline=None)
@given(st.lists(st.lists(_CELL, min_size=1, max_size=12), max_size=12))
def test_no_row_of_a_garbage_table_is_lost(opened: DuckDBWarehouse, table: list[list[str]]) -> None:
    text = io.StringIO(newline="")
    text.write(csv_of({"account_id": "first"}))
    csv.writer(text, quoting=csv.QUOTE_ALL).writerows(table)
    with tempfile.TemporaryDirectory() as folder:
        verdict = of_csv(opened, Path(folder), text.getvalue())
    places = sorted([*verdict.kept, *verdict.reasons])
    assert places == [row["source_row"] for row in verdict.raw] == list(range(1, len(table) + 2))
    assert all(reasons and all(reasons) for reasons in verdict.reasons.values())
    assert all(row["source_row"] > 1 or row["account_id"] == "first" for row in verdict.valid)


def balance(raw: int, valid: int, rejected: int) -> None:
    counts = {"raw": raw, "validated": valid, "rejected": rejected}
    check_balance(counts, snapshot="2023-08-12", source="profiles", worst={"a": 9, "b": 3, "c": 2, "d": 1})


@pytest.mark.parametrize("counts", [(1, 1, 0), (2, 1, 1), (1000, 500, 500)])
def test_up_to_half_of_the_rows_may_be_bad(counts: tuple[int, int, int]) -> None:
    raw, valid, rejected = counts
    balance(raw, valid, rejected)
    with pytest.raises(SnapshotRejectedError):
        balance(raw + 2, valid, rejected + 2)


@pytest.mark.parametrize("counts", [(1, 0, 1), (3, 1, 2), (1001, 500, 501)])
def test_more_than_half_bad_fails_with_the_worst_reasons(counts: tuple[int, int, int]) -> None:
    start = f"snapshot 2023-08-12, profiles: {counts[2]} of {counts[0]} rows are rejected"
    words = rf"^{start} .*: a \(9\); b \(3\); c \(2\)[.] See"
    with pytest.raises(SnapshotRejectedError, match=words) as caught:
        balance(*counts)
    assert "\n" not in str(caught.value)


def test_an_empty_snapshot_fails() -> None:
    with pytest.raises(
        SnapshotRejectedError, match="its profiles files have no rows; the validated tables stay as they were"
    ):
        balance(0, 0, 0)


@pytest.mark.parametrize("counts", [(10, 5, 4), (10, 6, 5), (0, 1, 0)])
def test_lost_or_doubled_rows_are_a_defect(counts: tuple[int, int, int]) -> None:
    with pytest.raises(
        AssertionError, match=rf"{counts[0]} raw rows became {counts[1]} validated and {counts[2]} rejected"
    ):
        balance(*counts)


def test_rates_that_do_not_add_up(engine: DuckDBWarehouse) -> None:
    rates = {
        "avg_engagement_rate": [0.3, 0.3, 0.3, None, 0.3],
        "comment_engagement_rate": [0.1, 0.1, 0.1, 0.1, None],
        "like_engagement_rate": [0.2, 0.2000005, 0.200002, 0.2, 0.2],
    }
    table = pa.table(
        {"place": [0, 1, 2, 3, 4], **{name: pa.array(cells, pa.float64()) for name, cells in rates.items()}}
    )
    frame = nw.from_native(engine._connection.from_arrow(table))
    assert inconsistent_rates(frame).collect("pyarrow")["place"].to_list() == [2]
