"""A real Chromium, the pages of a home on a free port, and a page that remembers what happened to it."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import uvicorn
from playwright.sync_api import Browser, Page

from tiktok_pipeline.explorer.app import ExplorerConfig, build_app
from tiktok_pipeline_tests.explorer.published_files import STUDY


@contextlib.contextmanager
def served(home: Path) -> Iterator[str]:
    """Serve the pages of a home on a free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    config = ExplorerConfig(
        published_file=home / "published" / "tiktok.duckdb",
        lists_file=home / "explorer" / "lists.sqlite",
        study=STUDY,
        port=port,
        threads=1,
    )
    options: dict[str, Any] = {
        "log_level": "critical",
        "lifespan": "off",
        "ws": "none",
        "timeout_graceful_shutdown": 1,
    }
    server = uvicorn.Server(uvicorn.Config(build_app(config), host="127.0.0.1", port=port, **options))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            time.sleep(0.02)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(20)


@contextlib.contextmanager
def opened(browser: Browser, **options: Any) -> Iterator[tuple[Page, list[str]]]:
    """Yield a page, and a list that fills with its console messages, errors, dialogs and requests."""
    page = browser.new_page(**{"viewport": {"width": 1280, "height": 900}} | options)
    events: list[str] = []
    page.on("console", lambda message: events.append(f"console: {message.text}"))
    page.on("pageerror", lambda error: events.append(f"error: {error}"))
    page.on("dialog", lambda dialog: events.append(f"dialog: {dialog.message}"))
    page.on("request", lambda request: events.append(f"request: {request.url}"))
    try:
        yield page, events
    finally:
        page.close()
