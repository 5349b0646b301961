"""The key of a delivery is a day that its rows hold, that is not in the future, and that no stray row sets."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta

import pytest

from tiktok_pipeline.ingest.snapshot_key import DatedFile, choose_day, choose_keys, date_in_name, parts_of
from tiktok_pipeline.raw.snapshots import SnapshotKeyError

TODAY = date(2024, 6, 1)
MAY = date(2024, 5, 6)
JUNE = date(2024, 6, 1)
FUTURE = date(2099, 1, 1)


def keys_of(*files: DatedFile, given: str | None = None) -> list[str]:
    return [chosen.key for chosen in choose_keys(files, today=TODAY, given=given)]


@pytest.mark.parametrize(
    ("rows_by_day", "day"),
    [
        ({MAY: 60}, MAY),
        ({MAY: 1}, MAY),
        ({MAY: 59, FUTURE: 1}, MAY),
        ({MAY: 20, FUTURE: 40}, MAY),
        ({MAY: 59, JUNE: 1}, MAY),
        ({MAY: 58, JUNE: 2}, JUNE),
        ({MAY: 500, JUNE: 2}, MAY),
        ({MAY: 1, JUNE: 1}, JUNE),
        ({MAY: 2, JUNE: 1}, MAY),
        ({TODAY + timedelta(days=1): 5}, TODAY + timedelta(days=1)),
        ({TODAY + timedelta(days=2): 5}, None),
        ({date(1970, 1, 1): 5}, None),
        ({}, None),
    ],
)
def test_the_newest_day_with_more_than_a_stray_row_is_chosen(
    rows_by_day: Mapping[date, int], day: date | None
) -> None:
    assert choose_day(rows_by_day, today=TODAY) == day


def test_the_given_key_comes_before_every_day() -> None:
    files = (DatedFile("a_2024-01-01.csv", {MAY: 3}), DatedFile("b.csv"))
    assert keys_of(*files, given="2023-08-12T06-30-00Z") == ["2023-08-12T06-30-00Z"] * 2
    with pytest.raises(SnapshotKeyError):
        keys_of(*files, given="12-08-2023")


@pytest.mark.parametrize(
    ("files", "keys"),
    [
        ([DatedFile("a_2024-01-01.csv", {MAY: 3})], ["2024-05-06"]),
        ([DatedFile("a_2024_01_02.csv")], ["2024-01-02"]),
        ([DatedFile("a.csv"), DatedFile("b.csv", {MAY: 3})], ["2024-05-06", "2024-05-06"]),
        ([DatedFile("a.csv", newest_video=MAY)], ["2024-05-06"]),
        ([DatedFile("a_2024-01-01.csv", newest_video=MAY)], ["2024-01-01"]),
        ([DatedFile("x_part_1.csv", {MAY: 3}), DatedFile("x_part_2.csv", {JUNE: 3})], ["2024-06-01", "2024-06-01"]),
        ([DatedFile("x_part_1.csv", {MAY: 3}), DatedFile("y_part_2.csv", {JUNE: 3})], ["2024-05-06", "2024-06-01"]),
        ([DatedFile("x (1).csv", {MAY: 3}), DatedFile("x.csv", {JUNE: 3})], ["2024-05-06", "2024-06-01"]),
        ([DatedFile("x (1).csv", {date(2024, 5, 30): 3}), DatedFile("x.csv", {JUNE: 3})], ["2024-06-01"] * 2),
        ([DatedFile("x - Copy.csv", {MAY: 3}), DatedFile("x.csv", {JUNE: 3})], ["2024-05-06", "2024-06-01"]),
        ([], []),
    ],
    ids=["rows", "name", "other file", "video", "name before video", "parts", "other names", "later download",
        "numbered parts", "copy", "none"],
)  # fmt: skip
def test_the_key_is_found_in_rows_name_other_files_and_videos(files: list[DatedFile], keys: list[str]) -> None:
    assert keys_of(*files) == keys


def test_where_a_key_comes_from_is_noted() -> None:
    files = [DatedFile("a.csv", {MAY: 3}), DatedFile("b_2024-05-01.csv"), DatedFile("c.csv")]
    notes = [chosen.note for chosen in choose_keys(files, today=TODAY)]
    assert notes == [
        "",
        "the snapshot is the day in the file's name",
        "the snapshot is that of the other files of the delivery",
    ]
    (video,) = choose_keys([DatedFile("a.csv", newest_video=MAY)], today=TODAY)
    assert video.note == "no date in the file: the snapshot is the day of the newest video"


def test_a_file_without_any_day_names_the_option() -> None:
    with pytest.raises(
        SnapshotKeyError,
        match=r"^a[.]csv: no date up to today, 2024-06-01, in its rows or its name; .*--snapshot 2023-08-12$",
    ):
        keys_of(DatedFile("a.csv", {FUTURE: 9}))


@pytest.mark.parametrize(
    ("name", "day"),
    [
        ("profiles_2023-08-12.csv", date(2023, 8, 12)),
        ("2023-08-12_to_2023-09-01.csv", date(2023, 9, 1)),
        ("20230812.csv.gz", date(2023, 8, 12)),
        ("scrape_20230812_143000.csv", date(2023, 8, 12)),
        ("scrape-20230812143000.csv", date(2023, 8, 12)),
        ("scrape_2024_05_06.csv", date(2024, 5, 6)),
        ("scrape 2024.05.06.csv", date(2024, 5, 6)),
        ("scrape 20.05.2024.csv", date(2024, 5, 20)),
        ("scrape 05-20-2024.csv", date(2024, 5, 20)),
        ("scrape 05.05.2024.csv", date(2024, 5, 5)),
        ("scrape 06.05.2024.csv", None),
        ("2023-02-31.csv", None),
        ("2023-08-12_2023-99-99.csv", date(2023, 8, 12)),
        ("2023-08-12_2099-01-01.csv", date(2023, 8, 12)),
        ("id_6790000000000000123.csv", None),
        ("120230812.csv", None),
        ("profiles.csv", None),
    ],
)
def test_the_date_in_a_name_is_used_if_it_is_certain(name: str, day: date | None) -> None:
    assert date_in_name(name, today=TODAY) == day


@pytest.mark.parametrize(
    "names",
    [
        ["x_part_0001.csv", "x_part_0002.csv"],
        ["x-00000-of-00003.parquet", "x-00001-of-00003.parquet"],
        ["part-00000-ab.parquet", "part-00001-ab.parquet"],
        ["x_part_1of2.csv", "x_part_2of2.csv"],
        ["x.part1.csv.gz", "x.part2.csv.gz"],
        ["export-000000000000.json", "export-000000000001.json"],
        ["x.csv", "x (1).csv"],
        ["x(1).csv", "x(2).csv"],
    ],
)
def test_parts_of_one_file_are_recognized_by_their_names(names: list[str]) -> None:
    assert parts_of(["other.csv", *names]) == [[1, 2]]


@pytest.mark.parametrize(
    "names",
    [
        ["a_2024_05_06.csv", "a_2024_05_07.csv"],
        ["x.csv", "x - Copy.csv"],
        ["x1.csv", "x2.csv"],
        ["a_part_1.csv", "b_part_2.csv"],
        ["party.csv", "party2.csv"],
    ],
)
def test_other_files_are_no_parts(names: list[str]) -> None:
    assert parts_of(names) == []


def test_days_that_the_clock_of_the_machine_has_not_reached_are_said() -> None:
    """The clock went back: the same file had a key before."""
    file = DatedFile("scrape.csv", {MAY: 60})
    assert keys_of(file) == [MAY.isoformat()]
    with pytest.raises(SnapshotKeyError) as error:
        choose_keys([file], today=date(2023, 1, 1))
    assert str(error.value) == (
        "scrape.csv: no date up to today, 2023-01-01, in its rows or its name; "
        "give the day of the scrape, such as --snapshot 2023-08-12"
    )
    assert [key.key for key in choose_keys([file], today=date(2023, 1, 1), given=MAY.isoformat())] == [
        MAY.isoformat()
    ]
