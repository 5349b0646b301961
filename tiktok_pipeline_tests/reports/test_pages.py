"""The page in a real Chromium: no script, no requests; on a desktop, on a phone, in dark mode and on paper."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tiktok_pipeline.reports.html import render_report
from tiktok_pipeline.reports.report_model import build_report
from tiktok_pipeline_tests.reports.sample_tables import snapshot_tables

CHROMIUM = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    executable = shutil.which("chromium")
    assert executable, "Chromium is missing: apt-get install chromium"
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=executable, args=CHROMIUM)
        try:
            yield launched
        finally:
            launched.close()


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(render_report(build_report(snapshot_tables())), encoding="utf-8")
    return path.as_uri()


def open_page(browser: Browser, address: str, *, width: int = 1280, dark: bool = False) -> tuple[Page, list[str]]:
    """Open the page; the second value fills with its console messages, errors, dialogs and requests."""
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme="dark" if dark else "light")
    events: list[str] = []
    page.on("console", lambda message: events.append(f"console: {message.text}"))
    page.on("pageerror", lambda error: events.append(f"error: {error}"))
    page.on("dialog", lambda dialog: events.append(f"dialog: {dialog.message}"))
    page.on("request", lambda request: events.append(request.url))
    page.goto(address)
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
    assert page.locator("main h2").count() == 5


def test_hostile_texts_are_shown_as_text(browser: Browser, address: str) -> None:
    page, _ = open_page(browser, address)
    for text in ("<script>alert(1)</script>", "{{7*7}}", '=HYPERLINK("http://x")', "\\u202eturned"):
        element = page.locator("bdi", has_text=text).first
        element.scroll_into_view_if_needed()
        assert element.is_visible()
        assert element.inner_text() == text
    assert page.locator("bdi *").count() == 0


@pytest.mark.parametrize("width", [360, 1280, 1920])
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
    assert lightness(page, ".figure", "backgroundColor") > 0.9
    places = [
        ("body", "body"),
        (".lead", "body"),
        (".toc a", "body"),
        ("caption", ".scroll"),
        ("thead small", "thead th"),
    ]
    places += [
        (badge, badge) for badge in (".verdict.stable", ".verdict.pattern", ".verdict.too-small", ".verdict.leak")
    ]
    for text, behind in places:
        pair = sorted((lightness(page, text, "color"), lightness(page, behind, "backgroundColor")))
        assert (pair[1] + 0.05) / (pair[0] + 0.05) >= 4.5, text


def test_on_paper_all_details_are_open(browser: Browser, address: str, tmp_path: Path) -> None:
    page = browser.new_page()
    page.goto(address)
    printed = page.pdf(path=tmp_path / "report.pdf", prefer_css_page_size=True)
    assert len(re.findall(rb"/Type\s*/Page\b(?!s)", printed)) > 3
    page.emulate_media(media="print")
    closed = page.locator("details:not(.screen) table").first
    assert closed.evaluate("table => table.checkVisibility({contentVisibilityAuto: true}) && table.offsetHeight > 0")
    assert page.locator(".study").nth(1).evaluate("element => getComputedStyle(element).breakBefore") == "page"
    assert page.locator("figure").first.evaluate("element => getComputedStyle(element).breakInside") == "avoid"
    assert not page.locator("details.screen").first.is_visible()


def test_links_of_the_contents_jump_to_their_sections(browser: Browser, address: str) -> None:
    page, events = open_page(browser, address)
    page.locator(".toc a", has_text="Data quality").click()
    assert eventually(page, "location.hash === '#data'")
    assert eventually(page, "Math.abs(document.querySelector('#data').getBoundingClientRect().top) < 40")
    assert [event for event in events if not event.startswith(address)] == []
