"""A scrape of hostile texts through the whole pipeline: the report shows them as text, the export runs nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tiktok_pipeline_tests.homes import Home, Said
from tiktok_pipeline_tests.reports.test_pages import browser, open_page
from tiktok_pipeline_tests.scrapes import creators, write_csv

__all__ = ["browser"]

pytestmark = pytest.mark.browser

SNAPSHOT = "2024-03-01"
HOSTILE = (
    "<script>document.title='owned'</script>",
    "<img src=x onerror=\"document.title='owned'\">",
    "{{7*7}}{% for one in range(9) %}",
    "\u202eturned round\u2066",
    '=HYPERLINK("http://x.invalid","click")',
    "</bdi></td></table><style>*{display:none}</style>",
    "\t@cmd|' /C calc'!A0",
)


@pytest.fixture(scope="module")
def hostile_home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    folder = tmp_path_factory.mktemp("hostile")
    rows = [
        {**row, "nickname": HOSTILE[index % len(HOSTILE)], "biography": HOSTILE[(index + 1) % len(HOSTILE)]}
        for index, row in enumerate(creators(140))
    ]
    home = Home(folder / "home", pictures=True)
    home.deliver(write_csv(folder / "profiles_2024-03-01.csv", rows))
    assert home.refresh(SNAPSHOT).success
    return home


def test_the_page_shows_hostile_texts_as_text(hostile_home: Home, browser: Browser) -> None:
    address = (hostile_home.settings.reports / f"{SNAPSHOT}.html").as_uri()
    page, events = open_page(browser, address)
    page.wait_for_timeout(300)
    assert events == [address]
    assert SNAPSHOT in page.title()
    assert page.locator("script, img, style + style").count() == 0
    text = page.locator("main").inner_text()
    assert HOSTILE[0] in text
    assert "<img src=x onerror=" in text
    assert "{{7*7}}{% for one in range(9) %}" in text
    assert "\u202e" not in page.content()
    assert "\\u202eturned round" in text


def test_the_exported_sheet_has_no_live_formula(
    hostile_home: Home, call: Callable[..., Said], tmp_path: Path
) -> None:
    from openpyxl import load_workbook

    target = tmp_path / "creators.xlsx"
    assert call(hostile_home.path, "export", "influencer_segments", "--out", target).code == 0
    sheet = load_workbook(target).active
    assert sheet is not None
    header = [cell.value for cell in sheet[1]]
    place = header.index("nickname")
    cells = [row[place] for row in sheet.iter_rows(min_row=2)]
    assert len(cells) == 140
    assert {cell.data_type for cell in cells} == {"s"}
    assert not [cell.value for cell in cells if str(cell.value).lstrip().startswith(("=", "+", "-", "@"))]
