"""The page in a real Chromium: no script, no requests; on a desktop, on a phone, in dark mode and on paper."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page

from tiktok_pipeline.reports.gather_shortlist import PER_SEGMENT
from tiktok_pipeline.reports.html import render_report
from tiktok_pipeline.reports.rates_model import tier_ranges
from tiktok_pipeline.reports.report_model import build_report
from tiktok_pipeline.reports.snapshot_tables import SnapshotTables
from tiktok_pipeline_tests.chromium import launched_chromium
from tiktok_pipeline_tests.explorer.test_browser import axe_source
from tiktok_pipeline_tests.reports.sample_tables import benchmarks, shortlist, snapshot_tables, study_tables
from tiktok_pipeline_tests.reports.test_changes_model import MIGRATIONS, TABLES

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launched_chromium() as launched:
        yield launched


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(render_report(build_report(full_tables())), encoding="utf-8")
    return path.as_uri()


def full_tables() -> SnapshotTables:
    """Return a snapshot in which every part of the first page is as long as it can be."""
    few = shortlist().creators
    names = ("Large & Loud", "Quiet", "A third segment")
    crowd = pd.concat([few.head(1).assign(segment=name) for name in names for _ in range(PER_SEGMENT)])
    moves = [("balanced_segments", "both", f"Segment {n}", "Another segment", 9 - n, 1, 1) for n in range(8)]
    rates = benchmarks().query("grouping == 'tier' and group_name == 'nano'")
    return snapshot_tables(
        shortlist=shortlist(creators=crowd),
        benchmarks=pd.concat([rates.assign(group_name=name) for name in tier_ranges()]),
        changes=replace(TABLES, migrations=pd.DataFrame(moves, columns=MIGRATIONS.columns)),
        studies=[*snapshot_tables().studies, *(study_tables(f"study_{number}") for number in range(4))],
    )


def open_page(
    browser: Browser, address: str, *, width: int = 1280, dark: bool = False, unfold: bool = True
) -> tuple[Page, list[str]]:
    """Open the page; the second value fills with its console messages, errors, dialogs and requests."""
    page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme="dark" if dark else "light")
    events: list[str] = []
    page.on("console", lambda message: events.append(f"console: {message.text}"))
    page.on("pageerror", lambda error: events.append(f"error: {error}"))
    page.on("dialog", lambda dialog: events.append(f"dialog: {dialog.message}"))
    page.on("request", lambda request: events.append(request.url))
    page.goto(address)
    if unfold:
        page.evaluate("document.querySelectorAll('details').forEach(details => { details.open = true })")
    return page, events


def eventually(page: Page, expression: str) -> bool:
    """Return whether the expression is true within five seconds; the page blocks Playwright's own waiting."""
    for _ in range(50):
        if page.evaluate(expression):
            return True
        page.wait_for_timeout(100)
    return False


def test_the_page_runs_no_script_and_makes_no_request(browser: Browser, address: str) -> None:
    page, events = open_page(browser, address)
    page.wait_for_timeout(300)
    assert events == [address]
    assert page.locator("script, img, iframe, object, embed, form, link[rel=stylesheet]").count() == 0
    assert page.locator("main svg text").first.is_visible()
    assert page.locator("main h2").count() == 6


def test_hostile_texts_are_shown_as_text(browser: Browser, address: str) -> None:
    page, _ = open_page(browser, address)
    for text in ("<script>alert(1)</script>", "{{7*7}}", '=HYPERLINK("http://x")', "\\u202eturned"):
        element = page.locator("bdi", has_text=text).first
        element.scroll_into_view_if_needed()
        assert element.is_visible()
        assert element.inner_text() == text
    assert page.locator("bdi *").count() == 0


@pytest.mark.parametrize("width", [360, 390, 1280, 1920])
def test_nothing_overflows_horizontally(browser: Browser, address: str, width: int) -> None:
    page, _ = open_page(browser, address, width=width)
    assert page.evaluate("document.documentElement.scrollWidth") == width
    page.evaluate("window.scrollTo({left: 500, behavior: 'instant'})")
    assert page.evaluate("window.scrollX") == 0


def test_wide_tables_can_be_scrolled_by_keyboard_on_a_phone(browser: Browser, address: str) -> None:
    page, _ = open_page(browser, address, width=360)
    box = page.locator(".scroll").first
    assert box.evaluate("element => element.scrollWidth > element.clientWidth")
    box.focus()
    page.keyboard.press("ArrowRight")
    assert eventually(page, "document.querySelector('.scroll').scrollLeft > 0")


def lightness(page: Page, selector: str, attribute: str) -> float:
    color = page.locator(selector).first.evaluate("(element, name) => getComputedStyle(element)[name]", attribute)
    channels = [float(channel) / 255 for channel in re.findall(r"[\d.]+", color)[:3]]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("dark", [False, True])
def test_light_and_dark_mode_have_enough_contrast(browser: Browser, address: str, dark: bool) -> None:
    page, _ = open_page(browser, address, dark=dark)
    ground = lightness(page, "body", "backgroundColor")
    assert ground < 0.02 if dark else ground > 0.9
    places = [
        ("body", "body"),
        (".lead", "body"),
        (".toc a", "body"),
        ("caption", ".scroll"),
        ("thead small", ".scroll"),
    ]
    places += [
        (badge, badge) for badge in (".verdict.stable", ".verdict.pattern", ".verdict.too-small", ".verdict.leak")
    ]
    for text, behind in places:
        pair = sorted((lightness(page, text, "color"), lightness(page, behind, "backgroundColor")))
        assert (pair[1] + 0.05) / (pair[0] + 0.05) >= 4.5, text


def pixels(picture: bytes) -> np.ndarray:
    """Return the brightness of each pixel of a PNG, 0 to 255."""
    return np.asarray(Image.open(io.BytesIO(picture)).convert("L"))


def test_the_dark_page_has_no_white_area_with_every_fold_open(browser: Browser, address: str) -> None:
    page, _ = open_page(browser, address, dark=True)
    assert (pixels(page.screenshot(full_page=True)) > 200).mean() < 0.05
    figure = pixels(page.locator(".figure").first.screenshot())
    assert np.median(figure) < 60
    assert figure.max() > 90  # its bars are still there
    light, _ = open_page(browser, address)
    assert np.median(pixels(light.locator(".figure").first.screenshot())) > 240


def test_the_first_page_is_at_most_twelve_screens_with_the_folds_closed(browser: Browser, address: str) -> None:
    page, _ = open_page(browser, address, unfold=False)
    assert page.locator("details[open]").count() == 0
    assert page.evaluate("document.documentElement.scrollHeight") <= 12 * 800
    for anchor in ("minute", "shortlist", "plan", "changes", "rates"):
        assert page.locator(f"#{anchor}").is_visible()
    assert not [figure for figure in page.locator("figure").all() if figure.is_visible()]


def test_pictures_fit_a_phone(browser: Browser, address: str) -> None:
    page, _ = open_page(browser, address, width=390)
    figures = page.locator(".figure").all()
    assert figures
    for figure in figures:
        assert figure.evaluate("box => box.scrollWidth <= box.clientWidth && box.clientWidth > 250")
        assert figure.evaluate("box => box.firstElementChild.getBoundingClientRect().right < innerWidth")


def test_a_table_that_goes_on_has_a_shadow_at_its_edge(browser: Browser, address: str) -> None:
    page, _ = open_page(browser, address, width=390)
    box = page.locator("#shortlist .scroll")

    def edge() -> float:
        return float(pixels(box.screenshot())[60:, -9:-2].mean())

    there_is_more = edge()
    box.evaluate("box => { box.scrollLeft = box.scrollWidth }")
    assert there_is_more < edge() - 20


@pytest.mark.parametrize("name", ["Data quality", "Top influencers"])
def test_a_link_opens_the_fold_around_its_target(browser: Browser, address: str, name: str) -> None:
    page, _ = open_page(browser, address, unfold=False)
    link = page.locator(".toc a", has_text=name)
    anchor = str(link.get_attribute("href"))
    section = page.locator(anchor)
    assert not section.is_visible()
    link.click()
    assert eventually(page, f"document.querySelector('{anchor}').closest('details').open")
    assert section.is_visible()
    assert eventually(page, f"document.querySelector('{anchor}').getBoundingClientRect().top < 200")
    direct, _ = open_page(browser, address + anchor, unfold=False)
    assert direct.locator(anchor).is_visible()
    assert direct.locator("details.fold[open]").count() == 1


def printed_text(page: Page, path: Path) -> int:
    """Print the page and return the number of sheets."""
    printed = page.pdf(path=path, prefer_css_page_size=True)
    return len(re.findall(rb"/Type\s*/Page\b(?!s)", printed))


def test_on_paper_is_what_is_open(browser: Browser, address: str, tmp_path: Path) -> None:
    closed, _ = open_page(browser, address, unfold=False)
    opened, _ = open_page(browser, address)
    few, many = printed_text(closed, tmp_path / "few.pdf"), printed_text(opened, tmp_path / "many.pdf")
    assert 2 <= few <= 6
    assert many > few + 5
    closed.emulate_media(media="print")
    opened.emulate_media(media="print")
    for anchor in ("minute", "shortlist", "plan", "rates"):
        assert closed.locator(f"#{anchor}").is_visible()
    assert not closed.locator("#more").is_visible()
    assert not closed.locator(".explore").first.is_visible()
    assert closed.locator("footer .paper").is_visible()
    assert opened.locator("figure").first.evaluate("element => getComputedStyle(element).breakInside") == "avoid"
    assert opened.locator(".figure").first.evaluate("element => getComputedStyle(element).filter") == "none"


@pytest.mark.slow
@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [390, 1280])
def test_axe_finds_nothing(browser: Browser, address: str, width: int, dark: bool) -> None:
    page, _ = open_page(browser, address, width=width, dark=dark)
    page.evaluate(axe_source())
    result = page.evaluate(
        "axe.run({runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']})"
    )
    found = {entry["id"]: [node["html"][:120] for node in entry["nodes"][:3]] for entry in result["violations"]}
    assert found == {}


def test_a_handle_leads_to_its_profile_and_tells_nobody_where_from(browser: Browser, address: str) -> None:
    page, _ = open_page(browser, address, unfold=False)
    links = page.locator("a[href^='https:']").all()
    assert links
    for link in links:
        assert link.get_attribute("rel") == "noopener noreferrer"
        assert link.get_attribute("href") == f"https://www.tiktok.com/{link.text_content()}"
