"""Whatever is written in one format is read back as itself, as nothing, or refused: never as something else."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tiktok_pipeline.validated.formats.formats import AmbiguousFormatError
from tiktok_pipeline.warehouse.duckdb.warehouse import DuckDBWarehouse
from tiktok_pipeline_tests.hypothesis_profiles import examples
from tiktok_pipeline_tests.validated.formats.columns import read


def grouped(mark: str, decimals: str = "") -> Callable[[int], str]:
    return lambda count: f"{count:,}".replace(",", mark) + decimals


COUNT_FORMATS: dict[str, Callable[[int], str]] = {
    "plain": str,
    "comma": grouped(","),
    "point": grouped("."),
    "space": grouped(" "),
    "narrow": grouped("\u202f"),
    "apostrophe": grouped("’"),
    "comma, decimals": grouped(",", ".00"),
    "point, decimals": grouped(".", ",0"),
    "float": lambda count: f"{count}.0",
    "three decimals": lambda count: f"{count}.000",
    "three decimals, comma": lambda count: f"{count},000",
    "signed": lambda count: f"+{count}",
    "exponent": lambda count: f"{count:.15E}",
}
RATE_FORMATS: dict[str, Callable[[float], str]] = {
    "plain": lambda rate: f"{rate:.6f}",
    "comma": lambda rate: f"{rate:.6f}".replace(".", ","),
    "three": lambda rate: f"{rate:.3f}",
    "percent": lambda rate: f"{rate * 100:.4f}%",
    "percent, comma": lambda rate: f"{rate * 100:.3f} %".replace(".", ","),
}
DATE_FORMATS = (
    *("%Y-%m-%d", "%Y/%m/%d", "%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%d-%m-%Y", "%m-%d-%Y", "%d/%m/%y", "%m/%d/%y"),
    *("%y-%m-%d", "%d-%b-%y", "%d %B %Y", "%b %d, %Y", "%Y%m%d", "%a, %d %b %Y 04:30:00 GMT", "%Y-%m-%dT23:59:59Z"),
)
COUNTS = st.lists(st.integers(0, 5_000) | st.integers(0, 200_000_000), min_size=1, max_size=12)


@settings(max_examples=examples(60), deadline=None)
@given(
    name=st.sampled_from(sorted(COUNT_FORMATS)),
    counts=COUNTS | st.lists(st.integers(0, 300).map(lambda count: count * 1_000), min_size=1, max_size=8),
)
def test_counts_are_read_as_they_were_written_or_refused(
    engine: DuckDBWarehouse, name: str, counts: list[int]
) -> None:
    cells = [COUNT_FORMATS[name](count) for count in counts]
    try:
        values = read(engine, followers=cells)["followers"]
    except AmbiguousFormatError:
        return
    assert values == counts


@settings(max_examples=examples(40), deadline=None)
@given(name=st.sampled_from(sorted(RATE_FORMATS)), rates=st.lists(st.floats(0, 1.5), min_size=1, max_size=10))
def test_rates_are_read_as_they_were_written_or_refused(
    engine: DuckDBWarehouse, name: str, rates: list[float]
) -> None:
    cells = [RATE_FORMATS[name](rate) for rate in rates]
    try:
        values = read(engine, avg_engagement_rate=cells)["avg_engagement_rate"]
    except AmbiguousFormatError:
        return
    assert values == pytest.approx(rates, abs=0.001)


@settings(max_examples=examples(60), deadline=None)
@given(
    form=st.sampled_from(DATE_FORMATS),
    first=st.dates(date(2016, 9, 1), date(2026, 11, 26)),
    later=st.lists(st.integers(0, 40), max_size=6),
)
def test_dates_are_read_as_they_were_written_or_refused(
    engine: DuckDBWarehouse, form: str, first: date, later: list[int]
) -> None:
    days = [min(first + timedelta(days=shift), date(2026, 11, 26)) for shift in (0, *later)]
    try:
        values = read(engine, observed_on=[day.strftime(form) for day in days])["observed_on"]
    except AmbiguousFormatError:
        return
    assert values == days
