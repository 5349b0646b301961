"""Dates in the spellings of people and programs, by tables worked out by hand."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tiktok_pipeline.raw.dialects import recognize
from tiktok_pipeline.raw.read import read_file
from tiktok_pipeline.raw.schema import PROFILES
from tiktok_pipeline.validated.formats.formats import (
    AmbiguousFormatError,
    ColumnFormat,
    DayOrder,
    FormatOptions,
    Formats,
)
from tiktok_pipeline.validated.validate import validate_source
from tiktok_pipeline.warehouse.duckdb.warehouse import DuckDBWarehouse
from tiktok_pipeline_tests.validated.formats.columns import detect, read, read_as

MAY_5, MAY_6, MAY_7 = date(2024, 5, 5), date(2024, 5, 6), date(2024, 5, 7)

ONE_READING: dict[str, date | None] = {
    **dict.fromkeys(
        (
            *("2024-05-06", "2024/05/06", "2024.05.06", "2024-5-6", "2024 05 06", " 2024-05-06 ", "20240506"),
            *("2024-05-06 04:30", "2024-05-06T04:30:00", "2024-05-06 04:30:00 UTC", "2024-05-06T04:30:00Z"),
            *("2024-05-06T04:30:00.123456+00:00", "2024-05-06T04:30:00.123456789Z", "2024-05-06, 04:30:00"),
            *("2024-05-06+02:00", "2024-05-06 04:30 GMT", "20240506T043000Z", "202405060430", "20240506043000"),
            *("1714953600", "1714953600.5", "1714953600000", "1714953600000000", "1714953600000000000"),
            *("1.7149536E+09", "1.7149536E+12", "/Date(1714953600000)/", "45418", "45418.1875", "45418,1875"),
            *("Mon, 06 May 2024 04:30:00 GMT", "Mon, 6 May 2024 04:30:00 +0000", "Mon May  6 04:30:00 2024"),
            "Mon May 06 2024 04:30:00 GMT+0000 (Coordinated Universal Time)",
            *("06-May-2024", "6 May 2024", "May 6, 2024", "May 6th, 2024 at 4:30 PM", "Monday, May 6, 2024"),
            *("6th of May 2024", "2024-May-06", "6. Mai 2024", "06. Mai 2024 04:30", "Montag, 6. Mai 2024"),
            *("6 mai 2024", "lundi 6 mai 2024", "lun. 6 mai 2024", "6 de mayo de 2024", "6 de maio de 2024"),
            *("6. maj 2024", "mandag 6. maj 2024 kl. 04:30", "6 mai 2024 à 04:30", "2024年5月6日"),
            *("2024. 5. 6.", "2024년 5월 6일", "'2024-05-06", "20240506T1030+0200"),
            *("2024-05-06T04:30:00+01:00[Europe/Paris]",),
            *(
                "6 мая 2024 г.",
                "6 мая 2024, 04:30",
                "6 maja 2024",
                "6 Mayıs 2024",
                "6. května 2024",
                "6 maj 2024 kl. 04:30",
            ),
            *("2024年05月06日 04:30", "2024年5月6日(月)", "2024년 5월 6일 오후 4:30", "6 mei 2024 om 04:30"),
            *(
                "May 6, 2024 @ 04:30:00.000",
                "06MAY2024:04:30:00",
                "06/May/2024:04:30:00 +0000",
                "2024:05:06 04:30:00",
            ),
            *("Mon May 6 04:30:00 2024 +0200", "2024-05-06_04-30-00", "2024-05-06 04-30-00", "2024_05_06"),
        ),
        MAY_6,
    ),
    **dict.fromkeys(
        (
            *("2024-05-06T23:30:00-08:00", "2024-05-06 23:30:00 -0800", "2024-05-06 23:30:00-08"),
            *("Mon, 06 May 2024 23:30:00 -0800", "Mon, 06 May 2024 23:30:00 PST", "2024-05-06 23:30:00 GMT-8"),
            "Mon May 06 23:30:00 -0800 2024",
            "20240506T233000-0800",
        ),
        MAY_7,
    ),
    **dict.fromkeys(("2024-05-06T00:30:00+05:30", "2024-05-06 00:30:00+0200", "2024-05-06 01:59:59 +02:00"), MAY_5),
    "1er août 2023": date(2023, 8, 1),
    "17. März 2024": date(2024, 3, 17),
    "mar. 7 mai 2024": MAY_7,
    "Mar 7, 2024": date(2024, 3, 7),
    "12 févr. 2024": date(2024, 2, 12),
    "3 dic 2023": date(2023, 12, 3),
    "29.02.2024": date(2024, 2, 29),
    "2024-02-30": None,
    "29.02.2023": None,
    "2024-13-01": None,
    "2099-01-01": None,
    "2026-11-28": None,
    "2026-11-27": date(2026, 11, 27),
    "2016-08-31": None,
    "2016-09-01": date(2016, 9, 1),
    "4070908800": None,
    "0": None,
    "2024-05": None,
    "1.71E+12": None,
    "2024-05-06 at noon": None,
    "2024-05-06 23:30:00 XYZ": None,
    "2024-05-06 11:30 PM -0800": None,
    "12345678901": None,
    "yesterday": None,
    "NaT": None,
    "": None,
}
"""Cells with one reading, and their UTC days."""

BY_ORDER: dict[str, tuple[date | None, date | None, date | None]] = {
    "05/06/2024": (date(2024, 6, 5), MAY_6, None),
    "5/6/2024 4:30": (date(2024, 6, 5), MAY_6, None),
    "5/6/2024, 4:30:00 PM": (date(2024, 6, 5), MAY_6, None),
    "05-06-2024": (date(2024, 6, 5), MAY_6, None),
    "13/05/2024": (date(2024, 5, 13), None, None),
    "05/13/2024": (None, date(2024, 5, 13), None),
    "06-05-24": (MAY_6, date(2024, 6, 5), None),
    "24-05-06": (None, None, MAY_6),
    "06-May-24": (MAY_6, MAY_6, None),
    "17-May-20": (date(2020, 5, 17), date(2020, 5, 17), date(2017, 5, 20)),
    "20/05/17": (date(2017, 5, 20), None, date(2020, 5, 17)),
}
"""Cells as they are read with the day, the month and the year first."""


def date_format(day_order: str = "") -> Formats:
    return Formats(
        columns={"observed_on": ColumnFormat(day_order=day_order, earliest="2016-09-01", latest="2026-11-27")}
    )


def test_a_date_with_one_reading_is_read_in_every_order(engine: DuckDBWarehouse) -> None:
    values = read_as(engine, date_format("day-first"), observed_on=[*ONE_READING])["observed_on"]
    assert dict(zip(ONE_READING, values, strict=True)) == ONE_READING


@pytest.mark.parametrize(("order", "place"), [("day-first", 0), ("month-first", 1), ("year-first", 2)])
def test_a_date_of_three_numbers_follows_the_order(engine: DuckDBWarehouse, order: str, place: int) -> None:
    values = read_as(engine, date_format(order), observed_on=[*BY_ORDER])["observed_on"]
    assert dict(zip(BY_ORDER, values, strict=True)) == {cell: days[place] for cell, days in BY_ORDER.items()}


YEAR_DAY_MONTH = {
    **dict.fromkeys(
        ("2024-27-03", "2024/27/03", "2024.27.03 04:30", "2024-27-03T23:30:00Z", "20242703"), date(2024, 3, 27)
    ),
    "2024-05-06": date(2024, 6, 5),
    "2024-27-03T23:30:00-08:00": date(2024, 3, 28),
    "2024-03-27": None,
    "6 May 2024": MAY_6,
    "27/03/2024": None,
}
"""Cells as they are read with the day between year and month."""


def test_the_day_may_stand_between_year_and_month(engine: DuckDBWarehouse) -> None:
    values = read_as(engine, date_format("year-day-month"), observed_on=[*YEAR_DAY_MONTH])["observed_on"]
    assert dict(zip(YEAR_DAY_MONTH, values, strict=True)) == YEAR_DAY_MONTH


DECIDED: list[tuple[list[str], list[date | None]]] = [
    (["05/06/2024", "13/06/2024"], [date(2024, 6, 5), date(2024, 6, 13)]),
    (["05/06/2024", "05/13/2024"], [MAY_6, date(2024, 5, 13)]),
    (["05-06-2024", "31-05-2024"], [date(2024, 6, 5), date(2024, 5, 31)]),
    (["05/05/2024", "06/06/2024"], [MAY_5, date(2024, 6, 6)]),
    (["05.06.2024"], [date(2024, 6, 5)]),
    (["06-May-24"], [MAY_6]),
    (["06/05/24", "24/05/24"], [MAY_6, date(2024, 5, 24)]),
    (["24/05/06", "24/05/13"], [MAY_6, date(2024, 5, 13)]),
    (["12/06/2026"], [date(2026, 6, 12)]),
    (["05/06/2024", *["13/06/2024"] * 200, "06/13/2024"], [date(2024, 6, 5), *[date(2024, 6, 13)] * 200, None]),
    (["2024-05-06", "2099-01-01"], [MAY_6, None]),
    (["2024-05-03", "2024-27-03"], [date(2024, 3, 5), date(2024, 3, 27)]),
    (["2024/05/03 04:30", "2024/27/03 04:30"], [date(2024, 3, 5), date(2024, 3, 27)]),
    (["2024-05-06"] * 4 + ["2024-13-05"], [*[MAY_6] * 4, None]),
    (["2024-05-31"] * 200 + ["2024-13-05", "2024-05-06"], [*[date(2024, 5, 31)] * 200, None, MAY_6]),
    (["2024-05-06", "N/A", "never"], [MAY_6, None, None]),
]


@pytest.mark.parametrize(("cells", "expected"), DECIDED, ids=lambda cells: " ".join(map(str, cells[:3])))
def test_the_cells_of_a_column_decide(engine: DuckDBWarehouse, cells: list[str], expected: list[date | None]) -> None:
    assert read(engine, observed_on=cells)["observed_on"] == expected


@pytest.mark.parametrize(
    "cells",
    [["05/06/2024"], ["5/6/2024 4:30", "7/8/2024 12:00"], ["05-06-2024"], ["05/06/2024", "13/06/2024", "06/13/2024"]],
    ids=" ".join,
)
def test_two_orders_are_refused_with_both_readings_and_the_option(engine: DuckDBWarehouse, cells: list[str]) -> None:
    with pytest.raises(AmbiguousFormatError) as refused:
        detect(engine, observed_on=cells)
    text = str(refused.value)
    assert text.startswith(f"f.csv: column observed_on: {cells[0]!r}")
    assert "2024-06-05 with the day first, 2024-05-06 with the month" in text
    assert "--dates day-first or --dates month-first" in text


def test_years_followed_by_days_and_by_months_are_refused_with_both(engine: DuckDBWarehouse) -> None:
    cells = ["2024-27-03", "2024-03-28", "2024-05-06"]
    with pytest.raises(
        AmbiguousFormatError, match="'2024-27-03' has the day behind the year, and '2024-03-28' the"
    ) as refused:
        detect(engine, observed_on=cells)
    assert "--dates year-day-month or --dates year-month-day" in str(refused.value)
    by_option = {
        order: read(engine, FormatOptions(dates=order), observed_on=cells)["observed_on"] for order in _YEAR_ORDERS
    }
    assert by_option == {
        "year-month-day": [None, date(2024, 3, 28), MAY_6],
        "year-day-month": [date(2024, 3, 27), None, date(2024, 6, 5)],
    }


@pytest.mark.parametrize("cells", [["2026-12-05"], ["2026-12-05", "2026-12-01", ""], ["2024-05-06", "2026-12-05"]])
def test_a_day_in_the_future_is_no_sign_of_another_order(engine: DuckDBWarehouse, cells: list[str]) -> None:
    """The clock may be wrong: read the other way, such a date would be another one, and nobody would notice."""
    days = dict(zip(cells, read(engine, observed_on=cells)["observed_on"], strict=True))
    assert days["2026-12-05"] in {None, date(2026, 12, 5)}
    assert days.get("2024-05-06", MAY_6) == MAY_6


_YEAR_ORDERS: tuple[DayOrder, ...] = ("year-month-day", "year-day-month")


def test_two_places_of_a_year_are_refused(engine: DuckDBWarehouse) -> None:
    with pytest.raises(AmbiguousFormatError, match=r"'17-May-20' is of the year 2020 or of 2017"):
        detect(engine, observed_on=["17-May-20", "18-May-19"])


def test_the_option_settles_the_order(engine: DuckDBWarehouse) -> None:
    day_first = read(engine, FormatOptions(dates="day-first"), observed_on=["05/06/2024", "05/13/2024"])
    month_first = read(engine, FormatOptions(dates="month-first"), observed_on=["05/06/2024", "13/05/2024"])
    assert day_first["observed_on"] == [date(2024, 6, 5), None]
    assert month_first["observed_on"] == [MAY_6, None]


def test_dates_of_a_parquet_file_are_read_in_a_plan_of_its_own(engine: DuckDBWarehouse, tmp_path: Path) -> None:
    path = tmp_path / "f.csv"  # in one plan with the scan of the file, the patterns took minutes and gigabytes
    columns = {"username": ["ann", "bob"], "followers": [12, 7], "likes": [5, 6], "timestamp": ["2024/05/06", None]}
    pq.write_table(pa.table(columns), path)
    scan = engine.scan(path, "parquet")
    raw = read_file(scan, recognize(scan.header, file="f.csv"), source_file="f.csv", engine=engine)
    result = validate_source(raw, PROFILES, engine, formats={"f.csv": date_format()})
    days = result.valid.sort("source_row").collect("pyarrow").to_native()["observed_on"].to_pylist()
    assert days == [MAY_6, None]
