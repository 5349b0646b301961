"""Numbers in the spellings of people and programs, by tables worked out by hand."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tiktok_pipeline.validated.formats.formats import AmbiguousFormatError, ColumnFormat, FormatOptions, Formats
from tiktok_pipeline.warehouse.duckdb.warehouse import DuckDBWarehouse
from tiktok_pipeline_tests.validated.formats.columns import detect, read, read_as

ONE_READING: dict[str, int | None] = {
    "0": 0,
    "1497": 1_497,
    "+5": 5,
    "1.293.383": 1_293_383,
    "1,293,383": 1_293_383,
    "12,34,567": 1_234_567,
    "3 912": 3_912,
    "1\u00a0293\u00a0383": 1_293_383,
    "1\u202f293\u202f383": 1_293_383,
    "\u00a03 912\u202f": 3_912,
    "1'293'383": 1_293_383,
    "1_293_383": 1_293_383,
    "1_29": None,
    "1,293,383 followers": 1_293_383,
    "~1293383": 1_293_383,
    "> 1.2M": 1_200_000,
    "over 950K": 950_000,
    "ca. 12": 12,
    "about": None,
    "1,293,383 (+1,204)": 1_293_383,
    "1,293,383 (-0.2%)": 1_293_383,
    "950 ▲ 12": 950,
    "950 (12)": None,
    "1\u066c293\u066c383": 1_293_383,
    "1.2M Followers": 1_200_000,
    "950K+ fans": 950_000,
    "15\u00a0videos": 15,
    "followers": None,
    "15 songs": None,
    "1’293’383": 1_293_383,
    "'1234": 1_234,
    "1.2M": 1_200_000,
    "1.2 M": 1_200_000,
    "1,2M": 1_200_000,
    "1,2\u00a0M": 1_200_000,
    "950K+": 950_000,
    "950k": 950_000,
    "10+": 10,
    "2 Mio.": 2_000_000,
    "1,2 Mio": 1_200_000,
    "1,2 Mrd": 1_200_000_000,
    "1,2 mia.": 1_200_000_000,
    "3,4 mil": 3_400,
    "1,5 milhões": 1_500_000,
    "15 Tsd.": 15_000,
    "1.2万": 12_000,
    "3亿": 300_000_000,
    "1.5 million": 1_500_000,
    "2 lakh": 200_000,
    "1200.0": 1_200,
    "1200,00": 1_200,
    "1.5E+06": 1_500_000,
    "1,29E+06": 1_290_000,
    "1.293E+06": 1_293_000,
    "1.5E+00": None,
    "1.23456E+04": None,
    "19.10": None,
    "0,5": None,
    "1.2345K": None,
    "50%": None,
    "(1,234)": None,
    "1234-": None,
    "12 34": None,
    "1.2.3M": None,
    "1,23,4": None,
    "K": None,
    "many": None,
    "١٢": None,
    "0x1F": None,
    "n/a": None,
    "-": None,
    "": None,
}
"""Cells of a count with one reading, whatever the decimal mark of the column is."""

TWO_READINGS: dict[str, tuple[int | None, int | None]] = {
    "1.000": (1, 1_000),
    "1,000": (1_000, 1),
    "3.912": (None, 3_912),
    "3,912": (3_912, None),
    "1.293M": (1_293_000, 1_293_000_000),
    "1,234K": (1_234_000, 1_234),
}
"""Cells of a count as they are read with a decimal point, and with a decimal comma."""

RATES: dict[str, float | None] = {
    "0.064323": 0.064323,
    "0,064323": 0.064323,
    ".5": 0.5,
    "1": 1.0,
    "6.43%": 0.0643,
    "6,43 %": 0.0643,
    "0%": 0.0,
    "9.9E-05": 9.9e-05,
    "1.5E+00": 1.5,
    "1,234.5": 1_234.5,
    "1.234,5": 1_234.5,
    "1.234.567": None,
    "-0.1": -0.1,
    "NaN": None,
    "inf": None,
    "five": None,
}


@pytest.mark.parametrize("decimal", [".", ",", ""])
def test_a_count_with_one_reading_is_read_in_every_format(engine: DuckDBWarehouse, decimal: str) -> None:
    formats = Formats(columns={"followers": ColumnFormat(decimal=decimal)})
    values = read_as(engine, formats, followers=[*ONE_READING])["followers"]
    assert dict(zip(ONE_READING, values, strict=True)) == ONE_READING


@pytest.mark.parametrize(("decimal", "place"), [(".", 0), (",", 1), ("", None)])
def test_a_count_with_two_readings_follows_the_decimal_mark(
    engine: DuckDBWarehouse, decimal: str, place: int | None
) -> None:
    formats = Formats(columns={"followers": ColumnFormat(decimal=decimal)})
    values = read_as(engine, formats, followers=[*TWO_READINGS])["followers"]
    assert values == [None if place is None else readings[place] for readings in TWO_READINGS.values()]


def test_rates_are_fractions_and_a_percent_sign_is_a_hundredth(engine: DuckDBWarehouse) -> None:
    formats = Formats(columns={"avg_engagement_rate": ColumnFormat(decimal=".", unit="fraction")})
    values = read_as(engine, formats, avg_engagement_rate=[*RATES])["avg_engagement_rate"]
    assert dict(zip(RATES, values, strict=True)) == RATES


COLUMNS: list[tuple[list[str], list[int | None]]] = [
    (["1.000", "1.293.383"], [1_000, 1_293_383]),
    (["1,000", "1,293,383"], [1_000, 1_293_383]),
    (["1.000", "3.912"], [1_000, 3_912]),
    (["1.000", "999", "7"], [1_000, 999, 7]),
    (["1,000", "999", "0"], [1_000, 999, 0]),
    (["1.000", "1200.0"], [1, 1_200]),
    (["1.293M", "1.2M"], [1_293_000, 1_200_000]),
    (["1,293M", "1,2M"], [1_293_000, 1_200_000]),
    (["1.2 M", "1,2M", "950K+"], [1_200_000, 1_200_000, 950_000]),
    (["1.293M", "987M"], [1_293_000, 987_000_000]),
    (["1.000", *["1234"] * 200], [None, *[1_234] * 200]),
    (["1.000", "5,5", *["1.293.383"] * 200], [1_000, None, *[1_293_383] * 200]),
]
"""Columns of counts that tell their decimal mark, and their values."""


@pytest.mark.parametrize(("cells", "expected"), COLUMNS, ids=lambda cells: " ".join(map(str, cells[:3])))
def test_the_cells_of_a_column_decide(engine: DuckDBWarehouse, cells: list[str], expected: list[int | None]) -> None:
    assert read(engine, followers=cells)["followers"] == expected


UNDECIDED = [
    ["1.000", "12.000"],
    ["1,000", "12,000"],
    ["1.000", "1234"],
    ["1.000", "1,000"],
    ["1.293.383", "1,293,383", "4.000"],
    ["1.234K", "5.678K"],
]


@pytest.mark.parametrize("cells", UNDECIDED, ids=" ".join)
def test_two_readings_are_refused_with_both_and_the_option(engine: DuckDBWarehouse, cells: list[str]) -> None:
    with pytest.raises(AmbiguousFormatError) as refused:
        detect(engine, followers=cells)
    text = str(refused.value)
    assert text.startswith("f.csv: column followers: ")
    assert "--decimal ." in text
    assert "--decimal ," in text
    assert "\n" not in text


def test_the_refusal_shows_the_cell_and_both_readings(engine: DuckDBWarehouse) -> None:
    with pytest.raises(AmbiguousFormatError, match=r"'12\.000' is 12 with a decimal point .* 12000 with a"):
        detect(engine, followers=["12.000", "12.000"])


@pytest.mark.parametrize(("decimal", "expected"), [(".", [1, 12]), (",", [1_000, 12_000])])
def test_the_option_settles_it(engine: DuckDBWarehouse, decimal: str, expected: list[int]) -> None:
    options = FormatOptions(decimal="." if decimal == "." else ",")
    assert read(engine, options, followers=["1.000", "12.000"])["followers"] == expected


@pytest.mark.parametrize(
    ("others", "expected"),
    [
        ({"avg_engagement_rate": ["0,05", "0,1"]}, [1_000, 12_000]),
        ({"likes": ["1.293.383", "4.000"]}, [1_000, 12_000]),
        ({"likes": ["1.293,0", "4,0"]}, [1_000, 12_000]),
        ({"likes": ["1200.0", "4.0"]}, [1, 12]),
    ],
)
def test_the_other_columns_of_the_file_decide(
    engine: DuckDBWarehouse, others: dict[str, list[str]], expected: Sequence[int]
) -> None:
    assert read(engine, followers=["1.000", "12.000"], **others)["followers"] == expected


def test_decimal_points_in_the_rates_do_not_tell_what_points_in_the_counts_are(engine: DuckDBWarehouse) -> None:
    with pytest.raises(AmbiguousFormatError):
        detect(engine, followers=["1.000", "12.000"], avg_engagement_rate=["0.05", "0.1"])


def test_decimal_points_in_the_rates_tell_that_commas_in_the_counts_mark_thousands(engine: DuckDBWarehouse) -> None:
    values = read(engine, followers=["1,000", "12,000"], avg_engagement_rate=["0.05", "0.1"])
    assert values["followers"] == [1_000, 12_000]


def test_canonical_columns_have_no_format(engine: DuckDBWarehouse) -> None:
    formats = detect(
        engine,
        followers=["10", "1234567", ""],
        likes=["1200.0", "null", None],
        avg_engagement_rate=["0.05", "9.9e-05", "1"],
        observed_on=["2024-05-06", "2024-05-06T04:30:00Z", ""],
    )
    assert formats == Formats()


def test_formats_survive_the_manifest(engine: DuckDBWarehouse) -> None:
    formats = detect(engine, followers=["1.293.383"], avg_engagement_rate=["6,4 %"])
    assert set(formats.columns) == {"followers", "avg_engagement_rate"}
    assert Formats.from_dict(formats.to_dict()) == formats
    assert Formats.from_dict({}) == Formats()


POWERS: list[tuple[int, list[str | None], list[int | None]]] = [
    (6, ["1.25034", "5", "0.000612", None, "n/a"], [1_250_340, 5_000_000, 612, None, None]),
    (6, ["1,25034", "0,5"], [1_250_340, 500_000]),
    (3, ["1250.34", "15.802", "0.734"], [1_250_340, 15_802, 734]),
    (3, ["1,250.3", "98.431"], [1_250_300, 98_431]),
    (3, ["12", "1.2M", "950K"], [12_000, 1_200_000, 950_000]),
    (3, ["1.5e3", "2", "2.5"], [None, 2_000, 2_500]),
]


@pytest.mark.parametrize(("power", "cells", "counts"), POWERS)
def test_counts_are_multiplied_as_the_name_of_their_column_says(
    engine: DuckDBWarehouse, power: int, cells: list[str | None], counts: list[int | None]
) -> None:
    options = FormatOptions(powers={"followers": power})
    assert read(engine, options, followers=cells)["followers"] == counts
    formats = detect(engine, options, followers=cells)
    assert Formats.from_dict(formats.to_dict()) == formats
    assert f"multiplied by {10**power:,}" in formats.notes[0]


def test_counts_that_no_creator_has_are_refused(engine: DuckDBWarehouse) -> None:
    options = FormatOptions(powers={"followers": 6})
    with pytest.raises(
        AmbiguousFormatError, match="its name says that 1,250,340 is multiplied by 1,000,000, which no c"
    ):
        detect(engine, options, followers=["1250340", "98431"])


def test_thousands_of_thousands_are_refused_where_the_mark_is_open(engine: DuckDBWarehouse) -> None:
    with pytest.raises(AmbiguousFormatError, match="--decimal"):
        detect(engine, FormatOptions(powers={"followers": 3}), followers=["1,250", "2,340"])
