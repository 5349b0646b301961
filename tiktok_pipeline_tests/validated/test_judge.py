"""Every row is good or rejected with every reason; nothing is lost, nothing is told twice."""

from __future__ import annotations

import csv
import io
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

import narwhals as nw
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tiktok_pipeline.raw.dialects import PUBLIC_CSV
from tiktok_pipeline.raw.read import read_file
from tiktok_pipeline.raw.schema import PROFILES
from tiktok_pipeline.validated.judge import SnapshotRejectedError, check_balance, inconsistent_rates, judge_source
from tiktok_pipeline.validated.schema import PROFILES_TABLE, REJECTED_TABLE
from tiktok_pipeline.warehouse.duckdb import DuckDBWarehouse
from tiktok_pipeline_tests.validated.scrapes import Verdict, csv_of, judged

DUPLICATE = "account_id: an older or earlier duplicate of the row that is kept for this account"
COUNT = "is not a count such as 1200, 12,345 or 1.2M"
RANGE = "expected 0 to 1000000000000000"
FORM = r"account_id: expected a text of the form ^[^@/\\ \t\r\n\x00]{1,64}$"


@pytest.fixture(scope="module")
def opened() -> Iterator[DuckDBWarehouse]:
    """One engine for all examples of a property."""
    engine = DuckDBWarehouse(None)
    yield engine
    engine.close()


def of_csv(engine: DuckDBWarehouse, folder: Path, content: str) -> Verdict:
    path = folder / "f.csv"
    path.write_text(content, encoding="utf-8", newline="")
    return judged(engine, path)


@pytest.mark.parametrize(
    ("cells", "reasons"),
    [
        ({"followers": "-1"}, [f"followers: {RANGE}"]),
        ({"followers": ""}, ["followers: missing"]),
        ({"followers": "null"}, ["followers: missing"]),
        ({"followers": "many"}, [f"followers: many {COUNT}"]),
        ({"followers": "1.5"}, [f"followers: 1.5 {COUNT}"]),
        ({"likes": "12345678901234567890"}, [f"likes: 12345678901234567890 {COUNT}"]),
        ({"likes": "1000000000000001"}, [f"likes: {RANGE}"]),
        ({"account_id": ""}, ["account_id: missing"]),
        ({"account_id": "██"}, ["account_id: missing"]),
        ({"account_id": "two words"}, [FORM]),
        ({"account_id": "@"}, [FORM]),
        ({"account_id": "a" * 65}, [FORM]),
        ({"account_id": "a\x00b"}, ["account_id: holds a NUL character", FORM]),
        ({"biography": "a\x00b"}, ["biography: holds a NUL character"]),
        ({"biography": "x" * 10_001}, ["biography: expected 0 to 10000 characters"]),
        ({"timestamp": "2023-02-31"}, ["observed_on: 2023-02-31 is not a real date in the form of its kind of file"]),
        ({"timestamp": "12-08-2023"}, ["observed_on: 12-08-2023 is not a real date in the form of its kind of file"]),
        ({"awg_engagement_rate": "5%"}, ["avg_engagement_rate: 5% is not a number such as 0.05"]),
        ({"awg_engagement_rate": "-0.1"}, ["avg_engagement_rate: expected 0.0 to 1000000.0"]),
        (
            {"account_id": "", "followers": "x", "following": "-1", "likes": "", "timestamp": "never"},
            [
                f"followers: x {COUNT}",
                "observed_on: never is not a real date in the form of its kind of file",
                "account_id: missing",
                f"following: {RANGE}",
                "likes: missing",
            ],
        ),
        ({"followers": "x\x1faccount_id: y", "account_id": ""}, [f"followers: x account_id: y {COUNT}", "account_id: missing"]),
        ({"followers": "9" * 80}, [f"followers: {'9' * 60} {COUNT}"]),
    ],
)  # fmt: skip
def test_a_bad_row_has_every_reason_and_the_good_ones_go_on(
    engine: DuckDBWarehouse, tmp_path: Path, cells: dict[str, str], reasons: list[str]
) -> None:
    verdict = of_csv(engine, tmp_path, csv_of({}, cells, {}))
    assert verdict.reasons == {2: reasons}
    assert verdict.kept == [1, 3]


@pytest.mark.parametrize(
    "cells",
    [
        {"followers": "0", "following": "0", "likes": "0", "videos_count": "0"},
        {"followers": "1.2M", "likes": "12,345"},
        {"awg_engagement_rate": "", "timestamp": "null", "biography": "NaN", "nickname": ""},
        {"awg_engagement_rate": "1.5"},
        {"biography": "🎉\u202e\n'; drop table x; --"},
        {"account_id": "@Maker.1_x"},
    ],
)
def test_an_odd_but_possible_row_is_good(engine: DuckDBWarehouse, tmp_path: Path, cells: dict[str, str]) -> None:
    verdict = of_csv(engine, tmp_path, csv_of(cells))
    assert (verdict.kept, verdict.reasons) == ([1], {})
    assert list(verdict.good[0]) == PROFILES_TABLE.frame_names


def test_a_row_that_is_not_whole_is_judged_by_that_alone(engine: DuckDBWarehouse, tmp_path: Path) -> None:
    content = csv_of({}) + "short,2023-02-31\r\nlong,x,b,b,-1,x,,,,,,\r\n" + csv_of().splitlines()[0] + "\r\n"
    verdict = of_csv(engine, tmp_path, content)
    assert verdict.reasons == {
        2: ["ragged: fewer than 10 cells"],
        3: ["ragged: more than 10 cells, the next one is "],
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


@pytest.mark.parametrize(
    ("days", "kept"),
    [
        (["2023-08-01", "2023-08-03", "2023-08-02"], 2),
        (["2023-08-01", "2023-08-01", "2023-08-01"], 3),
        (["", "2023-08-01", ""], 2),
        (["2023-08-01", "", ""], 1),
        (["", ""], 2),
        (["2023-08-02", "2023-08-02", "2023-08-01"], 2),
    ],
)
def test_of_duplicates_the_newest_stays_then_the_last(
    engine: DuckDBWarehouse, tmp_path: Path, days: list[str], kept: int
) -> None:
    rows = [{"account_id": "@same" if place % 2 else "same", "timestamp": day} for place, day in enumerate(days)]
    verdict = of_csv(engine, tmp_path, csv_of(*rows))
    assert verdict.kept == [kept]
    assert verdict.reasons == {place: [DUPLICATE] for place in range(1, len(days) + 1) if place != kept}


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
        parts.append(read_file(scan, PUBLIC_CSV, source_file=name, engine=engine))
    verdict = judge_source(nw.concat(parts, how="vertical"), PROFILES, engine)
    good = verdict.good.collect("pyarrow").to_native().to_pylist()
    places = sorted((row["account_id"], row["source_file"], row["source_row"]) for row in good)
    assert places == [("four", "b.csv", 4), ("one", "a.csv", 1), ("three", "a.csv", 4), ("two", "b.csv", 3)]
    rejected = verdict.rejected.collect("pyarrow").to_native().to_pylist()
    assert [row["reasons"] for row in rejected] == [[DUPLICATE]] * 4


def test_a_bad_row_does_not_push_a_good_one_out(engine: DuckDBWarehouse, tmp_path: Path) -> None:
    rows = [{"account_id": "same"}, {"account_id": "same", "timestamp": "2023-09-01", "likes": "-1"}]
    verdict = of_csv(engine, tmp_path, csv_of(*rows, {"account_id": ""}, {"account_id": ""}))
    assert verdict.kept == [1]
    assert verdict.reasons == {2: [f"likes: {RANGE}"], 3: ["account_id: missing"], 4: ["account_id: missing"]}


def test_duplicates_within_the_activity_file(engine: DuckDBWarehouse, tmp_path: Path) -> None:
    head = "User ID,Instagram visit score,Spending_rank(0 to 100)\n"
    verdict = of_csv(engine, tmp_path, head + "1,5,50\n1,6,60\n2,x,110.5\n3,7,104.93\n,,\n")
    assert verdict.kept == [2, 4]
    assert verdict.reasons == {
        1: [DUPLICATE],
        3: ["engagement_index: x is not a number", "monetization_maturity: expected 0.0 to 110.0"],
        5: ["account_id: missing", "engagement_index: missing", "monetization_maturity: missing"],
    }


def test_broken_ndjson_lines_are_rejected_with_their_text(engine: DuckDBWarehouse, tmp_path: Path) -> None:
    good = {"username": "a", "follower_count": 1, "following_count": 2, "likes_count": 3, "video_count": 4}
    path = tmp_path / "f.ndjson"
    path.write_text("\n".join([json.dumps(good), '{"username": "b', "{}", json.dumps(good | {"username": "c"})]))
    verdict = judged(engine, path)
    assert verdict.kept == [1, 4]
    assert verdict.reasons[2] == ['no JSON object: {"username": "b']
    assert verdict.reasons[3][0] == "account_id: missing"
    assert verdict.good[0]["avg_engagement_rate"] is None  # missing, not zero


_CELL = st.one_of(
    st.sampled_from(["", "1", "-1", "null", "1.5", "1.2M", "2023-02-31", "account_id", "same", '"', '""', "a,b", "x\ny", "\x00"]),
    st.text(st.characters(blacklist_categories=["Cs"]), max_size=5),
)  # fmt: skip


@settings(max_examples=12, deadline=None)
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
    assert all(row["source_row"] > 1 or row["account_id"] == "first" for row in verdict.good)


def balance(raw: int, good: int, rejected: int) -> None:
    counts = {"raw": raw, "validated": good, "rejected": rejected}
    check_balance(counts, snapshot="2023-08-12", source="profiles", worst={"a": 9, "b": 3, "c": 2, "d": 1})


@pytest.mark.parametrize("counts", [(1, 1, 0), (2, 1, 1), (1000, 500, 500)])
def test_up_to_half_of_the_rows_may_be_bad(counts: tuple[int, int, int]) -> None:
    balance(*counts)


@pytest.mark.parametrize("counts", [(1, 0, 1), (3, 1, 2), (1001, 500, 501)])
def test_more_than_half_bad_fails_with_the_worst_reasons(counts: tuple[int, int, int]) -> None:
    words = rf"^snapshot 2023-08-12, profiles: {counts[2]} of {counts[0]} rows are rejected .*: a \(9\); b \(3\); c \(2\)[.] See"
    with pytest.raises(SnapshotRejectedError, match=words) as caught:
        balance(*counts)
    assert "\n" not in str(caught.value)


def test_an_empty_snapshot_fails() -> None:
    with pytest.raises(
        SnapshotRejectedError, match="its profiles files hold no row; validated tables stay as they were"
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
