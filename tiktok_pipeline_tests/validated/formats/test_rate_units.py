"""The unit of engagement rates: fractions or percentages, never a hundred times wrong."""

from __future__ import annotations

import pytest

from tiktok_pipeline.validated.formats.formats import AmbiguousFormatError, FormatOptions
from tiktok_pipeline.validated.formats.rate_units import RateSummary, decide_unit
from tiktok_pipeline.warehouse.duckdb.warehouse import DuckDBWarehouse
from tiktok_pipeline_tests.validated.formats.columns import detect, read

LIKES = ["2907", "94866", "7532", "1200", "50000", "80"]
FOLLOWERS = ["3912", "1293383", "284", "6000", "40000", "900"]
VIDEOS = ["11", "15", "100", "10", "25", "3"]
FRACTIONS = ["0.0676", "0.0049", "0.2652", "0.02", "0.05", "0.0296"]
PERCENTAGES = ["6.76", "0.49", "26.52", "2.0", "5.0", "2.96"]
COUNTS = {"likes": LIKES, "followers": FOLLOWERS, "videos_count": VIDEOS}


def test_percentages_are_recognized_by_the_likes_per_video_and_follower(engine: DuckDBWarehouse) -> None:
    values = read(engine, avg_engagement_rate=PERCENTAGES, **COUNTS)
    assert values["avg_engagement_rate"] == [float(cell) for cell in FRACTIONS]
    formats = detect(engine, avg_engagement_rate=PERCENTAGES, **COUNTS)
    assert "is read as percent" in " ".join(formats.notes)


def test_high_fractions_stay_fractions(engine: DuckDBWarehouse) -> None:
    likes = [str(round(float(rate) * int(followers) * int(videos))) for rate, followers, videos in zip(
        PERCENTAGES, FOLLOWERS, VIDEOS, strict=True
    )]  # fmt: skip
    values = read(engine, avg_engagement_rate=PERCENTAGES, **COUNTS | {"likes": likes})
    assert values["avg_engagement_rate"] == [float(cell) for cell in PERCENTAGES]


def test_the_comments_follow_the_other_rates(engine: DuckDBWarehouse) -> None:
    values = read(engine, like_engagement_rate=PERCENTAGES, comment_engagement_rate=["0.5"] * 6, **COUNTS)
    assert values["comment_engagement_rate"] == [0.005] * 6


@pytest.mark.parametrize(("rates", "expected"), [("percent", 0.0676), ("fraction", 6.76)])
def test_the_option_settles_the_unit(engine: DuckDBWarehouse, rates: str, expected: float) -> None:
    options = FormatOptions(rates="percent" if rates == "percent" else "fraction")
    assert read(engine, options, avg_engagement_rate=PERCENTAGES)["avg_engagement_rate"][0] == expected


def test_a_unit_that_the_name_of_the_column_says_is_taken(engine: DuckDBWarehouse) -> None:
    options = FormatOptions(units={"avg_engagement_rate": "percent"})
    assert read(engine, options, avg_engagement_rate=["0.5", "0.2"])["avg_engagement_rate"] == [0.005, 0.002]


def test_percent_signs_and_decimal_commas(engine: DuckDBWarehouse) -> None:
    cells = [cell.replace(".", ",") + " %" for cell in PERCENTAGES]
    values = read(engine, avg_engagement_rate=[*cells, "0"])
    assert values["avg_engagement_rate"] == [*(float(cell) for cell in FRACTIONS), 0.0]


def test_percentages_with_a_decimal_comma(engine: DuckDBWarehouse) -> None:
    cells = [cell.replace(".", ",") for cell in PERCENTAGES]
    values = read(engine, avg_engagement_rate=cells, **COUNTS)
    assert values["avg_engagement_rate"] == [float(cell) for cell in FRACTIONS]


def test_a_column_with_and_without_signs_is_refused(engine: DuckDBWarehouse) -> None:
    with pytest.raises(AmbiguousFormatError, match="--rates fraction or --rates percent"):
        detect(engine, avg_engagement_rate=["6.4%", "0.05"])


@pytest.mark.parametrize(
    ("median", "creators", "ratio", "expected"),
    [
        (0.05, 100, 0.8, "fraction"),
        (5.0, 100, 80.0, "percent"),
        (3.0, 100, 0.9, "fraction"),
        (0.4, 100, 60.0, "percent"),
        (5.0, 0, None, "percent"),
        (0.2, 0, None, "fraction"),
        (0.8, 0, None, None),
        (0.8, 100, 8.0, None),
        (5.0, 2, 0.8, None),
    ],
)
def test_the_unit_by_size_and_by_likes(
    median: float, creators: int, ratio: float | None, expected: str | None
) -> None:
    summaries = {"avg_engagement_rate": RateSummary(100, median, creators, ratio)}
    if expected is None:
        with pytest.raises(AmbiguousFormatError, match="--rates fraction"):
            decide_unit(summaries, {}, file="f.csv")
    else:
        assert decide_unit(summaries, {}, file="f.csv") == expected


def test_fractions_in_a_column_of_percentages_are_refused(engine: DuckDBWarehouse) -> None:
    options = FormatOptions(units={"avg_engagement_rate": "percent"})
    with pytest.raises(
        AmbiguousFormatError, match=r"its name says percent, but rates such as 0\.2652 .*--rates fraction"
    ):
        detect(engine, options, avg_engagement_rate=FRACTIONS, **COUNTS)
    settled = FormatOptions(units={"avg_engagement_rate": "percent"}, rates="fraction")
    assert read(engine, settled, avg_engagement_rate=FRACTIONS, **COUNTS)["avg_engagement_rate"][0] == 0.0676
