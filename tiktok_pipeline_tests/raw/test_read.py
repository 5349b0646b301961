"""A scanned file as rows of its raw table: canonical names, the rest as JSON, each row with its place."""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

import narwhals as nw
import pytest

from tiktok_pipeline.raw.dialects import CompetingColumnsError, recognize
from tiktok_pipeline.raw.read import (
    FORGOTTEN_RECORD,
    blank_rows,
    check_competing,
    read_file,
    read_stored_file,
)
from tiktok_pipeline.raw.schema import NO_PROFILE_RECORD, PROFILES, UNDER_AGE_RECORD
from tiktok_pipeline.raw.snapshots import file_format
from tiktok_pipeline.warehouse.base import UnreadableFileError
from tiktok_pipeline.warehouse.duckdb.warehouse import DuckDBWarehouse

HEAD = "account_id,followers,following,likes,videos_count,url\n"


def read(engine: DuckDBWarehouse, path: Path, content: str, forgotten: Collection[int] = ()) -> list[dict[str, Any]]:
    path.write_text(content, encoding="utf-8", newline="")
    kind = file_format(path)
    assert kind is not None
    scan = engine.scan(path, kind)
    dialect = recognize(scan.header, file=path.name)
    rows = read_file(scan, dialect, source_file=path.name, engine=engine, forgotten=forgotten)
    assert rows.collect_schema().names() == dialect.source.table.frame_names
    found: list[dict[str, Any]] = rows.sort("source_row").collect("pyarrow").to_native().to_pylist()
    return found


def test_cells_go_to_canonical_columns_as_they_are(engine: DuckDBWarehouse, tmp_path: Path) -> None:
    content = "id,url,likes_receieved,followers,following,videos_count,timestamp,create_time,profile_pic_url\n"
    content += " 6E+18,u, 1,null,3,4,01-08-2023,c,p\n"
    row = read(engine, tmp_path / "f.csv", content)[0]
    there = {name: value for name, value in row.items() if value is not None}
    assert there == {
        "source_file": "f.csv",
        "source_row": 1,
        "dialect": "spreadsheet_csv",
        "tiktok_id": " 6E+18",
        "url": "u",
        "likes": " 1",
        "followers": "null",
        "following": "3",
        "videos_count": "4",
        "observed_on": "01-08-2023",
        "extra": '{"create_time":"c","profile_pic_url":"p"}',
    }


def test_columns_that_are_not_mapped_go_to_extra(engine: DuckDBWarehouse, tmp_path: Path) -> None:
    head = HEAD.strip() + ',digg_count,"""; drop table x",source_row,x,x,X,\n'
    row = read(engine, tmp_path / "f.csv", head + "a,1,2,3,4,u,99,d,s,x1,x2,X1,n\n")[0]
    assert json.loads(row["extra"]) == {
        "digg_count": "99",
        '"; drop table x': "d",
        "source_row": "s",
        "x": "x1",
        "x (11)": "x2",
        "X": "X1",
        "": "n",
    }
    assert (row["likes"], row["source_row"]) == ("3", 1)


def test_a_repeated_header_is_no_row_of_its_own_kind(engine: DuckDBWarehouse, tmp_path: Path) -> None:
    rows = read(engine, tmp_path / "f.csv", HEAD + "a,1,2,3,4,u\n" + HEAD + "account_id,1,2,3,4,u\nshort\n")
    assert [row["read_problem"] for row in rows] == [
        None,
        "the header, repeated among the rows",
        None,
        "ragged: fewer than 6 cells",
    ]


def test_an_empty_record_is_no_header(engine: DuckDBWarehouse, tmp_path: Path) -> None:
    good = '{"account_id":"a","followers":1,"following":2,"likes":3,"videos_count":4,"more":[1]}\n'
    rows = read(engine, tmp_path / "f.ndjson", good + '{}\n{"more":1}\n{"account_id":"account_id"}\n')
    assert [(row["read_problem"], row["extra"]) for row in rows] == [
        (None, '{"more":"[1]"}'),
        (None, None),
        (None, '{"more":"1"}'),
        (None, None),
    ]


@pytest.mark.parametrize("name", ["f.csv", "it's.csv", "f.csv; drop.csv"])
def test_every_row_names_its_file(engine: DuckDBWarehouse, tmp_path: Path, name: str) -> None:
    rows = read(engine, tmp_path / name, HEAD + "a,1,2,3,4,u\nb,1,2,3,4,u\n")
    assert [(row["source_file"], row["source_row"]) for row in rows] == [(name, 1), (name, 2)]


def test_the_activity_file(engine: DuckDBWarehouse, tmp_path: Path) -> None:
    row = read(engine, tmp_path / "f.csv", "User ID,Instagram visit score,Spending_rank(0 to 100)\n0,63,24.05\n")[0]
    assert (row["account_id"], row["engagement_index"], row["monetization_maturity"]) == ("0", "63", "24.05")
    assert (row["dialect"], row["extra"]) == ("activity_csv", None)


def test_files_with_other_columns_are_stacked_by_name(engine: DuckDBWarehouse, tmp_path: Path) -> None:
    contents = {
        "a.csv": "account_id,followers,following,likes,videos_count,nickname\na,1,2,3,4,n\n",
        "b.csv": "url,videos_count,likes_receieved,following,followers,bio_link\nu,4,3,2,1,l\n",
        "c.csv": "video_count,likes_count,following_count,follower_count,username\n4,3,2,1,c\n",
    }
    parts = []
    for name, content in contents.items():
        (tmp_path / name).write_text(content)
        scan = engine.scan(tmp_path / name, "csv")
        parts.append(read_file(scan, recognize(scan.header, file=name), source_file=name, engine=engine))
    rows = nw.concat(parts, how="vertical").sort("source_file").collect("pyarrow").to_native().to_pylist()
    counts = ("followers", "following", "likes", "videos_count")
    assert [tuple(row[name] for name in counts) for row in rows] == [("1", "2", "3", "4")] * 3
    assert [row["account_id"] for row in rows] == ["a", None, "c"]
    assert [(row["nickname"], row["url"], row["bio_link"]) for row in rows] == [
        ("n", None, None),
        (None, "u", "l"),
        (None,) * 3,
    ]


@pytest.mark.parametrize("forgotten", [[2], [4, 2], {1, 2, 3, 4, 5}, [2, 99]])
def test_a_forgotten_row_has_its_place_and_nothing_else(
    engine: DuckDBWarehouse, tmp_path: Path, forgotten: Collection[int]
) -> None:
    content = HEAD.strip() + ",more\n"
    content += "a,1,2,3,4,u,m\nb,1,2,3,4,u,m\nc,1,2,3,4,u,m\nsecret of a torn row\n" + HEAD.strip() + ",more\n"
    whole = read(engine, tmp_path / "f.csv", content)
    rows = read(engine, tmp_path / "f.csv", content, forgotten)
    assert [row["source_row"] for row in rows] == [1, 2, 3, 4, 5]
    for row, before in zip(rows, whole, strict=True):
        if row["source_row"] in forgotten:
            assert {name: value for name, value in row.items() if value is not None} == {
                "source_file": "f.csv",
                "source_row": before["source_row"],
                "dialect": "public_csv",
                "read_problem": "forgotten",
            }
        else:
            assert row == before


def test_a_forgotten_row_of_the_activity_file(engine: DuckDBWarehouse, tmp_path: Path) -> None:
    content = "User ID,Instagram visit score,Spending_rank(0 to 100),more\n1,2,3,m\n4,5,6,m\n"
    rows = read(engine, tmp_path / "f.csv", content, [1])
    names = ("read_problem", "account_id", "engagement_index", "monetization_maturity", "extra")
    assert [tuple(row[name] for name in names) for row in rows] == [
        (FORGOTTEN_RECORD, None, None, None, None),
        (None, "4", "5", "6", '{"more":"m"}'),
    ]


def test_files_with_forgotten_rows_are_stacked_with_others(engine: DuckDBWarehouse, tmp_path: Path) -> None:
    parts = []
    for name, forgotten in {"a.csv": [1], "b.csv": []}.items():
        (tmp_path / name).write_text(HEAD + "a,1,2,3,4,u\n")
        scan = engine.scan(tmp_path / name, "csv")
        dialect = recognize(scan.header, file=name)
        parts.append(read_file(scan, dialect, source_file=name, engine=engine, forgotten=forgotten))
    rows = nw.concat(parts, how="vertical").sort("source_file").collect("pyarrow").to_native().to_pylist()
    assert [(row["source_file"], row["account_id"], row["followers"]) for row in rows] == [
        ("a.csv", None, None),
        ("b.csv", "a", "1"),
    ]


def test_cells_are_taken_from_the_rows_that_an_expression_names(engine: DuckDBWarehouse, tmp_path: Path) -> None:
    path = tmp_path / "f.csv"
    path.write_text(HEAD + "a,1,2,3,4,u\nb,1,2,3,4,u\nc\n")
    scan = engine.scan(path, "csv")
    rows = read_file(scan, recognize(scan.header, file="f.csv"), source_file="f.csv", engine=engine)
    left = blank_rows(rows, nw.col("account_id") == "a", PROFILES)
    assert left.collect_schema().names() == rows.collect_schema().names()
    found = left.sort("source_row").collect("pyarrow").to_native().to_pylist()
    assert [(row["account_id"], row["url"], row["read_problem"]) for row in found] == [
        (None, None, FORGOTTEN_RECORD),
        ("b", "u", None),
        ("c", None, "ragged: fewer than 6 cells"),
    ]


def test_a_record_with_an_error_of_the_scraper_is_no_profile(engine: DuckDBWarehouse, tmp_path: Path) -> None:
    content = (
        '{"account_id":"a","followers":1,"following":2,"likes":3,"videos_count":4,"error_code":"slow"}\n'
        '{"input":{"url":"u"},"error":"page is dead","error_code":"dead_page"}\n'
        '{"input":{"url":"u"},"error":"page is dead"}\n'
        '{"account_id":"b","warning":"private account","followers":""}\n'
        '{"account_id":"c"}\n'
    )
    rows = read(engine, tmp_path / "f.ndjson", content)
    assert [row["read_problem"] for row in rows] == [
        None,
        NO_PROFILE_RECORD,
        NO_PROFILE_RECORD,
        NO_PROFILE_RECORD,
        None,
    ]
    assert "dead_page" in rows[1]["extra"]


def test_rows_of_other_platforms_are_no_profiles(engine: DuckDBWarehouse, tmp_path: Path) -> None:
    names = ["TikTok", "Instagram", " youtube ", "X (Twitter)", "", "iOS"]
    content = "platform,username,followers\n" + "".join(f"{name},a,{number}\n" for number, name in enumerate(names))
    problems = [row["read_problem"] for row in read(engine, tmp_path / "a.csv", content)]
    other = "no profile of TikTok: the row is of another platform"
    assert problems == [None, other, other, other, None, None]


def check(engine: DuckDBWarehouse, path: Path, content: str) -> None:
    path.write_text(content, encoding="utf-8", newline="")
    scan = engine.scan(path, "csv")
    check_competing(scan, recognize(scan.header, file=path.name), file=path.name, engine=engine)


@pytest.mark.parametrize(
    "content",
    [
        "username,followers,followers\na,1,1\nb,2, 2\n",
        "username,Followers,Fans\na,1,1\nb,,null\n",
        "username,followers,note,note\na,1,x,y\n",
        "username,followers,Fans\na,1,1\nshort,3\n",
    ],
)
def test_columns_with_equal_cells_do_not_compete(engine: DuckDBWarehouse, tmp_path: Path, content: str) -> None:
    check(engine, tmp_path / "f.csv", content)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            "username,followers,followers\na,1,1\nb,2,3\n",
            "2 and 3 in record 2; choose one: --map followers=followers or --map 'followers=followers (3)'",
        ),
        ("username,Fans,Followers\na,1,\n", "empty and 1 in record 1; choose one: --map followers=Followers or"),
        ("username,followers,Fans,Abonnés\na,1,1,7\n", "1 and 1 and 7 in record 1"),
        ("username,followers,Fans\na,\x1b[31m,2\n", "[31m and 2 in record 1"),
    ],
)
def test_columns_with_different_cells_are_refused_with_both_cells(
    engine: DuckDBWarehouse, tmp_path: Path, content: str, message: str
) -> None:
    with pytest.raises(CompetingColumnsError) as caught:
        check(engine, tmp_path / "f.csv", content)
    assert message in str(caught.value)
    assert str(caught.value).isprintable()


def test_the_user_chooses_one_of_two_columns_of_a_name(engine: DuckDBWarehouse, tmp_path: Path) -> None:
    path = tmp_path / "f.csv"
    path.write_text("username,followers,followers\na,1,2\n")
    scan = engine.scan(path, "csv")
    recognition = recognize(scan.header, file="f.csv", column_map={"followers": "followers (3)"})
    check_competing(scan, recognition, file="f.csv", engine=engine)
    (row,) = (
        read_file(scan, recognition, source_file="f.csv", engine=engine).collect("pyarrow").to_native().to_pylist()
    )
    assert (row["followers"], row["extra"]) == ("2", '{"followers":"1"}')


def test_a_stored_file_is_read_by_the_mapping_of_its_manifest(engine: DuckDBWarehouse, tmp_path: Path) -> None:
    path = tmp_path / "f.csv"
    path.write_text("Who,Crowd,followers\na,1,2\n")
    columns = {"account_id": "Who", "followers": "Crowd"}
    rows = read_stored_file(path, dialect="gone", source="profiles", columns=columns, engine=engine)
    (row,) = rows.collect("pyarrow").to_native().to_pylist()
    assert (row["dialect"], row["account_id"], row["followers"], row["extra"]) == (
        "gone",
        "a",
        "1",
        '{"followers":"2"}',
    )


def test_a_stored_file_of_an_older_version_is_read_by_its_dialect(engine: DuckDBWarehouse, tmp_path: Path) -> None:
    path = tmp_path / "f.csv"
    path.write_text(HEAD + "a,1,2,3,4,u\n")
    rows = read_stored_file(path, dialect="public_csv", source="profiles", columns={}, engine=engine)
    (row,) = rows.collect("pyarrow").to_native().to_pylist()
    assert (row["account_id"], row["likes"]) == ("a", "3")


def test_a_stored_file_without_its_columns_is_unreadable(engine: DuckDBWarehouse, tmp_path: Path) -> None:
    path = tmp_path / "f.csv"
    path.write_text("Who,Crowds\na,1\n")
    columns = {"account_id": "Who", "followers": "Crowd"}
    with pytest.raises(UnreadableFileError, match="lacks Crowd, which a file of dialect own has"):
        read_stored_file(path, dialect="own", source="profiles", columns=columns, engine=engine)


@pytest.mark.parametrize(
    ("head", "row"),
    [
        ("User ID,Instagram visit score,Spending_rank(0 to 100),is_minor\n", "young,1,2,{}\n"),
        ("profile_username,post_id,play_count,is_under_age_18\n", "young,7300000000000000001,5,{}\n"),
    ],
)
def test_a_flagged_row_of_activity_or_videos_says_no_more_than_who_it_is_about(
    engine: DuckDBWarehouse, tmp_path: Path, head: str, row: str
) -> None:
    rows = read(engine, tmp_path / "f.csv", head + "".join(row.format(flag) for flag in ("true", "no", "", "maybe")))
    assert [row["read_problem"] for row in rows] == [UNDER_AGE_RECORD, None, None, UNDER_AGE_RECORD]
    names = {name for row in rows for name in row} - {"source_file", "source_row", "dialect", "read_problem"}
    assert [row["account_id"] for row in rows] == ["young"] * 4
    names -= {"account_id"}
    for blank in (rows[0], rows[3]):
        assert {blank[name] for name in names} == {None}
