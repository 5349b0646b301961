"""Numbers as people read them."""

from __future__ import annotations

import pytest

from tiktok_pipeline.output.number_format import (
    format_cell,
    format_count,
    format_mean,
    format_number,
    format_percent,
    format_si,
)


def test_format_count() -> None:
    assert [format_count(value) for value in (None, 0, 1_234_567, -5)] == ["\u2013", "0", "1,234,567", "\u22125"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "\u2013"),
        (0.0, "0.00"),
        (-0.5, "\u22120.50"),
        (-0.001, "\u22120.001"),
        (0.00012, "0.00012"),
        (1e-9, "1e-09"),
    ],
)
def test_format_number(value: float | None, text: str) -> None:
    assert format_number(value) == text


def test_format_percent() -> None:
    values = (None, 1.5, 0.0123, 0.0008, 0.0)
    assert [format_percent(value) for value in values] == ["\u2013", "150%", "1.2%", "0.08%", "0.0%"]
    assert format_percent(0.304, 1) == "30.4%"
    assert [format_percent(value) for value in (0.00003, -0.00003, 1e-9)] == ["0.003%", "\u22120.003%", "0.00%"]


def test_format_mean() -> None:
    texts = [format_mean(0.5), format_mean(0.5, 5e-5), format_mean(None, None), format_mean(None, 0.1)]
    assert texts == ["0.500", "0.500 \u00b1 0.000", "\u2013", "\u2013"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (0.05, "0.05"),
        (999, "999"),
        (1_000, "1k"),
        (999_950, "1M"),
        (1_234_567, "1.23M"),
        (5e9, "5B"),
        (-1_500, "\u22121.5k"),
    ],
)
def test_format_si(value: float, text: str) -> None:
    assert format_si(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(1_234_567, "1,234,567"), (-5, "-5"), (0.123456789, "0.123457"), (12_345_678.9, "12,345,678.9")],
)
def test_format_cell(value: float, text: str) -> None:
    assert format_cell(value) == text
