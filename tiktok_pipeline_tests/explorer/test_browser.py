"""The pages in a real Chromium: no script, keyboard alone, a phone, the dark, foreign pages, hostile texts, axe."""

from __future__ import annotations

import importlib.util
import shutil
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tiktok_pipeline.explorer.lists import Lists, Member
from tiktok_pipeline_tests.explorer.browsers import opened, served
from tiktok_pipeline_tests.explorer.published_files import profile, write_published

pytestmark = pytest.mark.browser

EVERY_PAGE = (
    *("/", "/creator/creator.3", "/compare?id=creator.1&id=creator.2", "/benchmarks", "/personas", "/notices"),
    *("/about", "/lists", "/lists/Spring", "/shortlist?budget=30&rate=1&diversity=50", "/creator/nobody"),
)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("home")
    rows = [profile(number) for number in range(220)]
    write_published(folder, rows, also={"2024-03-01": [profile(number) for number in range(40)]})
    lists = Lists(folder / "explorer" / "lists.sqlite")
    lists.create("Spring")
    lists.add("Spring", [Member("creator.0", followers=10, engagement=0.1), Member("creator.1")])
    return folder


@pytest.fixture(scope="module")
def address(home: Path) -> Iterator[str]:
    with served(home) as url:
        yield url


def axe_source() -> str:
    found = importlib.util.find_spec("axe_playwright_python")
    assert found
    assert found.submodule_search_locations
    return (Path(found.submodule_search_locations[0]) / "axe.min.js").read_text(encoding="utf-8")


def press_tab_to(page: Page, selector: str) -> None:
    """Press the tabulator key until the element has the focus."""
    for _ in range(200):
        page.keyboard.press("Tab")
        if page.locator(f"{selector}:focus").count():
            return
    pytest.fail(f"no tabulator key leads to {selector}")


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_any_page(browser: Browser, address: str, scheme: Any) -> None:
    source = axe_source()
    found = {}
    with opened(browser, color_scheme=scheme) as (page, _):
        for path in EVERY_PAGE:
            page.goto(address + path)
            page.evaluate("document.querySelectorAll('details').forEach(details => { details.open = true })")
            page.evaluate(source)
            result = page.evaluate(
                "axe.run({runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']})"
            )
            for violation in result["violations"]:
                nodes = [node["html"][:120] for node in violation["nodes"][:3]]
                found[f"{path} {violation['id']}"] = nodes
    assert found == {}


@pytest.mark.parametrize("width", [390, 1280])
def test_no_page_is_wider_than_the_window(browser: Browser, address: str, width: int) -> None:
    with opened(browser, viewport={"width": width, "height": 800}) as (page, events):
        for path in EVERY_PAGE:
            page.goto(address + path)
            page.evaluate("document.querySelectorAll('details').forEach(details => { details.open = true })")
            wide = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
            assert wide <= 0, f"{path} is {wide} px too wide at {width} px"
        own = [
            event for event in events if event.startswith("request: ") and event.startswith(f"request: {address}/")
        ]
        others = [event for event in events if event not in own]
        # Chromium itself reports that the page of an unknown creator answers with 404.
        assert [event for event in others if "404" not in event] == []


def test_the_whole_way_without_scripts_and_by_keyboard_alone(browser: Browser, address: str, home: Path) -> None:
    with opened(browser, java_script_enabled=False) as (page, _):
        page.goto(address)
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")  # skip to the content
        page.keyboard.press("Tab")
        press_tab_to(page, "[name=q]")
        page.keyboard.type("cooks")
        page.keyboard.press("Enter")
        page.wait_for_url("**q=cooks**")
        press_tab_to(page, "[name=id]")
        chosen = page.locator(":focus").get_attribute("value")
        page.keyboard.press("Space")
        page.keyboard.press("Enter")
        page.wait_for_url(f"**/compare?id={chosen}")
        press_tab_to(page, "[name=new_list]")
        page.keyboard.type("By keyboard")
        page.keyboard.press("Enter")
        page.wait_for_url("**/lists/By%20keyboard")
        press_tab_to(page, "[href$='export.csv']")
        with page.expect_download() as download:
            page.keyboard.press("Enter")
        assert str(chosen) in download.value.path().read_text()
    assert [member.account_id for member in Lists(home / "explorer" / "lists.sqlite").members("By keyboard")] == [
        chosen
    ]


def test_address_form_back_and_reload_agree(browser: Browser, address: str) -> None:
    with opened(browser) as (page, _):
        page.goto(f"{address}/?followers_min=2k&persona=Breakouts&sort=margin")
        assert page.locator("[name=followers_min]").input_value() == "2k"
        assert page.locator("[name=persona][value=Breakouts]").is_checked()
        first = page.locator("tbody tr").first.inner_text()
        page.get_by_role("link", name="Followers", exact=True).click()
        assert page.locator("tbody tr").first.inner_text() != first
        page.go_back()
        assert page.locator("tbody tr").first.inner_text() == first
        page.reload()
        assert page.locator("tbody tr").first.inner_text() == first


def test_hostile_texts_are_shown_and_do_nothing(browser: Browser, address: str) -> None:
    with opened(browser) as (page, events):
        for number in range(0, 15, 3):
            page.goto(f"{address}/creator/creator.{number}")
            assert page.title().startswith(f"@creator.{number}")
            assert page.locator("main script, main img, main iframe").count() == 0
            assert page.locator("a[href^=javascript]").count() == 0
        page.goto(f"{address}/creator/creator.0")
        assert page.get_by_text('<script>document.title = "run"</script>').is_visible()
    assert [event for event in events if not event.startswith(f"request: {address}/")] == []


def test_a_foreign_page_changes_nothing_and_reads_nothing(browser: Browser, address: str, home: Path) -> None:
    attack = f"""<title>waiting</title><iframe name=frame></iframe>
    <form id=form method=post action="{address}/lists" target=frame><input name=name value=stolen></form>
    <img src="{address}/style.css"><script>document.getElementById("form").submit();
    fetch("{address}/about").then(() => document.title = "read").catch(() => document.title = "refused")</script>"""

    class Foreign(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(attack.encode())

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    foreign = ThreadingHTTPServer(("127.0.0.1", 0), Foreign)
    threading.Thread(target=foreign.serve_forever, daemon=True).start()
    try:
        with opened(browser) as (page, _):
            page.goto(f"http://127.0.0.1:{foreign.server_port}/")
            page.wait_for_function("document.title !== 'waiting'")
            assert page.title() == "refused"
            page.wait_for_timeout(500)
    finally:
        foreign.shutdown()
        foreign.server_close()
    assert "stolen" not in Lists(home / "explorer" / "lists.sqlite").names()


def test_a_file_that_is_replaced_while_somebody_reads(browser: Browser, tmp_path: Path, home: Path) -> None:
    copied = tmp_path / "home"
    shutil.copytree(home, copied)
    newer = write_published(tmp_path / "newer", [profile(number) for number in range(30)], snapshot="2024-06-01")
    with served(copied) as url, opened(browser) as (page, _):
        page.goto(url)
        assert "220 in snapshot 2024-04-29" in page.locator("header").inner_text()
        newer.replace(copied / "published" / "tiktok.duckdb")
        page.reload()
        assert "30 in snapshot 2024-06-01" in page.locator("header").inner_text()
