"""Takes the pictures of the README and the documentation: ``python docs/screenshots.py HOME``.

HOME is a home in which ``data/sample`` was refreshed, never one with real people. The newest report and the pages of
``tiktok-pipeline explore`` are opened in Chromium. The picture of Dagster's graph is not taken here.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from urllib.parse import urlencode

from playwright.sync_api import Browser, sync_playwright

CHECKOUT = Path(__file__).resolve().parents[1]
IMAGES = CHECKOUT / "docs" / "images"
SEARCH = "/?followers_min=10000&sort=times_expected"
COMPARED = 4

_CHROMIUM = ["--headless=new", "--no-sandbox", "--disable-gpu"]
_SECONDS_TO_START = 60


def main(home: Path) -> None:
    """Take every picture of a home."""
    executable = shutil.which("chromium") or shutil.which("chromium-browser")
    if executable is None:
        sys.exit("Chromium is missing: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=_CHROMIUM)
        newest = max((home / "reports").glob("*.html"))
        _take(browser, newest.resolve().as_uri(), "report", height=1600)
        _take_pages(browser, home)
        browser.close()


def _take_pages(browser: Browser, home: Path) -> None:
    """Serve the pages of the home, and take their pictures."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    environment = os.environ | {"TIKTOK_PIPELINE_HOME": str(home), "PYTHONPATH": str(CHECKOUT)}
    served = subprocess.Popen(  # noqa: S603 - the command of this checkout
        [sys.executable, "-m", "tiktok_pipeline", "explore", "--port", str(port), "--quiet"], env=environment
    )
    try:
        _wait_for(address)
        for name, path in _pages(browser, address).items():
            _take(browser, f"{address}{path}", name)
    finally:
        served.terminate()
        served.wait()


def _pages(browser: Browser, address: str) -> dict[str, str]:
    """Return the address of each picture; the creators are the first of the search."""
    page = browser.new_page()
    page.goto(f"{address}{SEARCH}")
    handles = [box.get_attribute("value") for box in page.locator("tbody input[name=id]").all()[:COMPARED]]
    page.close()
    return {
        "explore_search": SEARCH,
        "explore_creator": f"/creator/{handles[0]}",
        "explore_compare": f"/compare?{urlencode({'id': handles}, doseq=True)}",
        "explore_shortlist": "/shortlist?budget=5000&rate=10&most=10&diversity=20",
        "explore_personas": "/personas",
    }


def _wait_for(address: str) -> None:
    end = time.monotonic() + _SECONDS_TO_START
    while True:
        try:
            urllib.request.urlopen(address, timeout=5).close()  # noqa: S310 - an address of this machine
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.2)
        else:
            return


def _take(browser: Browser, address: str, name: str, height: int = 900) -> None:
    """Store what a window of this height shows of a page."""
    page = browser.new_page(viewport={"width": 1280, "height": height})
    page.goto(address)
    page.screenshot(path=IMAGES / f"{name}.png")
    page.close()
    print(f"docs/images/{name}.png")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python docs/screenshots.py HOME")
    main(Path(sys.argv[1]))
