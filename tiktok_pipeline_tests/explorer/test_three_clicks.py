"""Each question of a marketer is answered on the real scrape, in at most three clicks from the first page.

A click is a link, a button or a tick; typing is none. What an answer says is compared with a query of the file.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tiktok_pipeline.warehouse.duckdb.connection import query
from tiktok_pipeline_tests.explorer.browsers import opened, served
from tiktok_pipeline_tests.homes import Home, quick_studies, reasons_of

pytestmark = [pytest.mark.real_data, pytest.mark.browser, pytest.mark.slow]

SNAPSHOT = "2023-08-12"
MOST_CLICKS = 3
COPY = "published_copy.duckdb"


@pytest.fixture(scope="module")
def home(real_data: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Home:
    studies = tuple(study for study in quick_studies() if study.name == "balanced_segments")
    made = Home(tmp_path_factory.mktemp("clicks") / "home", studies=studies)
    made.deliver(real_data("profiles_2023-08-12.csv"), snapshot=SNAPSHOT)
    result = made.refresh(SNAPSHOT)
    assert result.success, reasons_of(result)
    # The pages hold the file open in this process, with limits of their own.
    shutil.copy(made.settings.published_file, made.path / COPY)
    return made


@pytest.fixture(scope="module")
def address(home: Home) -> Iterator[str]:
    with served(home.path) as url:
        yield url


class Visitor:
    """A reader who starts at the first page, and whose clicks are counted."""

    def __init__(self, page: Page, address: str) -> None:
        self.page = page
        self.clicks = 0
        page.goto(address)

    def click(self, role: Any, name: str | re.Pattern[str]) -> None:
        """Click on the first link, button or tick of a name."""
        self.clicks += 1
        assert self.clicks <= MOST_CLICKS
        self.page.get_by_role(role, name=name).first.click()

    @property
    def text(self) -> str:
        """What the page says."""
        return self.page.locator("main").inner_text()


@pytest.fixture
def visitor(address: str, browser: Browser) -> Iterator[Visitor]:
    with opened(browser, java_script_enabled=False) as (page, _):
        yield Visitor(page, address)


def rows(home: Home, text: str) -> list[tuple[Any, ...]]:
    return query(home.path / COPY, text)[1]


def values(home: Home, text: str) -> list[Any]:
    return [value for (value,) in rows(home, text)]


def test_whom_to_contact_for_a_campaign(visitor: Visitor, home: Home) -> None:
    visitor.page.get_by_label("Followers, at least").fill("10k")
    visitor.click("checkbox", "Breakouts")
    visitor.click("button", "Search")
    visitor.click("link", "Times expected")
    found = [handle.removeprefix("@") for handle in visitor.page.locator("tbody th a").all_inner_texts()]
    wanted = values(
        home,
        "select account_id from creators.current where followers >= 10000 and persona = 'Breakouts' "
        "order by times_expected desc nulls last, account_id limit 25",
    )
    assert len(found) > 5
    assert found == wanted


def first_card(visitor: Visitor) -> str:
    """Open the card of the first creator of the search and return the handle."""
    handle = visitor.page.locator("tbody th a").first.inner_text().removeprefix("@")
    visitor.click("link", f"@{handle}")
    assert visitor.page.locator("h1").inner_text().startswith(f"@{handle}")
    return handle


def test_why_these_and_how_sure(visitor: Visitor, home: Home) -> None:
    handle = first_card(visitor)
    ((persona, margin),) = rows(home, f"select persona, margin from creators.current where account_id = '{handle}'")
    assert persona in visitor.text
    assert f"{100 * margin:.0f}% certain" in visitor.text
    assert "The second nearest is" in visitor.text


def test_who_is_similar(visitor: Visitor, home: Home) -> None:
    """The largest creator has few others with a third of its followers or more."""
    handle = first_card(visitor)
    alike = visitor.page.get_by_role("region", name="Lookalikes").locator("tbody th").all_inner_texts()
    (others,) = values(
        home,
        f"select count(*) from creators.current, (select followers as own from creators.current "
        f"where account_id = '{handle}') where followers between own / 3 and own * 3 and account_id <> '{handle}'",
    )
    assert len(alike) == min(others, 8) > 0
    assert f"@{handle}" not in alike


def test_how_a_creator_stands_among_others_of_the_same_size(visitor: Visitor, home: Home) -> None:
    handle = first_card(visitor)
    (share,) = values(
        home, f"select avg_engagement_rate_percentile from creators.peers where account_id = '{handle}'"
    )
    assert f"above {100 * share:.0f}%" in visitor.text
    assert re.search(r"Compared with the [\d,]+ creators nearest in followers, from [\d,]+ to [\d,]+", visitor.text)


def test_what_a_fair_engagement_rate_is_at_a_size(visitor: Visitor, home: Home) -> None:
    visitor.click("link", "Benchmarks")
    (median,) = values(
        home,
        "select median from creators.benchmarks where grouping = 'tier' and group_name = 'micro' "
        "and figure = 'avg_engagement_rate'",
    )
    row = visitor.page.get_by_role("region", name="Engagement", exact=True).get_by_role("row", name="micro")
    assert row.locator(".best").inner_text() == (
        f"{100 * median:.1f}%" if median < 0.0995 else f"{100 * median:.0f}%"
    )


def test_what_changed(visitor: Visitor) -> None:
    """There is one real scrape: the page says so instead of showing nothing."""
    visitor.click("link", "Personas")
    assert "There is one snapshot. A second scrape shows who moved." in visitor.text


def test_which_set_is_best_for_a_budget(visitor: Visitor) -> None:
    visitor.click("link", "Shortlist")
    visitor.page.get_by_role("textbox", name="Budget").fill("5,000")
    visitor.page.get_by_label("Fee per 1,000 followers").fill("10")
    visitor.click("button", "Choose")
    assert re.search(r"\d+ of [\d,]+ creators for [\d,]+, with [\d,]+ expected engagements", visitor.text)


def test_a_result_is_taken_along(visitor: Visitor, home: Home) -> None:
    visitor.page.get_by_text("Take the result with you").click()
    visitor.clicks += 1
    with visitor.page.expect_download() as download:
        visitor.click("link", "CSV")
    (found,) = values(home, "select count(*) from creators.current")
    assert len(download.value.path().read_text().splitlines()) > found
