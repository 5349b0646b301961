"""The command ``explore``: serve pages over the published file to the browser of this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tiktok_pipeline.cli.console import QuietOption, exit_on_expected_error, info, read_settings, select_studies
from tiktok_pipeline.cli.local_port import HOST, check_port

if TYPE_CHECKING:
    from tiktok_pipeline.settings import Settings

MEMORY_LIMIT = "250MB"
"""DuckDB's memory; a page of a million creators takes a fraction of it."""


def explore(
    port: Annotated[int, typer.Option(help=f"Port on {HOST}.", min=1, max=65535)] = 8080,
    open_it: Annotated[bool, typer.Option("--open", help="Open the search in the browser.")] = False,
    study: Annotated[str, typer.Option(help="The study whose personas are shown.")] = "balanced_segments",
    _quiet: QuietOption = False,
) -> None:
    """Choose creators in the browser: search, compare, lists, benchmarks.

    The pages read the published file, also while it is replaced.
    Ctrl-C stops the server.
    """
    with exit_on_expected_error():
        settings = read_settings()
        select_studies([study])
        check_port(port)
        address = f"http://{HOST}:{port}/"
        info(f"creators: {address} (Ctrl-C stops it)")
        if not settings.published_file.exists():
            info("there is no published file yet; run `tiktok-pipeline refresh FILE`, and the pages will show it")
        if open_it:
            _open_soon(address)
        _serve(settings, port, study)


def _serve(settings: Settings, port: int, study: str) -> None:
    """Serve until Ctrl-C."""
    import uvicorn

    from tiktok_pipeline.explorer.app import ExplorerConfig, build_app

    config = ExplorerConfig(
        published_file=settings.published_file,
        lists_file=settings.lists_file,
        study=study,
        port=port,
        memory_limit=MEMORY_LIMIT,
        threads=settings.threads,
        shortlist_followers=settings.shortlist_followers,
    )
    app = build_app(config)
    try:
        uvicorn.run(
            app,
            host=HOST,
            port=port,
            log_level="warning",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            lifespan="off",
            ws="none",
            timeout_graceful_shutdown=3,
        )
    finally:
        app.state.reader.close()


def _open_soon(address: str) -> None:
    """Open the browser when the server has started."""
    import threading
    import webbrowser

    timer = threading.Timer(1.0, webbrowser.open, [address])
    timer.daemon = True
    timer.start()
