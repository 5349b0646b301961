"""The application: which address shows which page, and what an error looks like.

Reading is by GET and changes nothing; the lists are changed by POST with the secret of the process.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from tiktok_pipeline.errors import PipelineError
from tiktok_pipeline.explorer import list_views, views
from tiktok_pipeline.explorer.lists import Lists
from tiktok_pipeline.explorer.published import Published
from tiktok_pipeline.explorer.rendering import TEMPLATES, render
from tiktok_pipeline.explorer.security import FormToken, SafeAnswers, Upload, read_form, read_upload
from tiktok_pipeline.explorer.site import Site
from tiktok_pipeline.warehouse.base import WarehouseError
from tiktok_pipeline.warehouse.duckdb.shared_reader import SharedReader
from tiktok_pipeline.web.loopback_guard import LoopbackGuard

_STYLE = "style.css"

View = Callable[[Site, Request], Response]
Change = Callable[[Site, Request, dict[str, list[str]]], Response]
TakeFile = Callable[[Site, Request, dict[str, list[str]], Upload], Response]


@dataclass(frozen=True)
class ExplorerConfig:
    """What the pages are served from.

    Attributes
    ----------
    published_file, lists_file : Path
        The published file, and the file of the lists.
    study : str
        The study whose personas are shown.
    port : int
        The port that the Host of a request must name.
    memory_limit : str, optional
        DuckDB's memory.
    threads : int, optional
        DuckDB's threads.
    shortlist_followers : float
        Fewest followers of a creator that a shortlist takes from a search.
    """

    published_file: Path
    lists_file: Path
    study: str
    port: int
    memory_limit: str | None = None
    threads: int | None = None
    shortlist_followers: float = 0.0


def build_app(config: ExplorerConfig) -> Starlette:
    """Return the ASGI application of the pages."""
    reader = SharedReader(config.published_file, memory_limit=config.memory_limit, threads=config.threads)
    site = Site(Published(reader, config.study), Lists(config.lists_file), FormToken(), config.shortlist_followers)

    def page(address: str, view: View) -> Route:
        async def endpoint(request: Request) -> Response:
            return await run_in_threadpool(view, site, request)

        return Route(address, endpoint, methods=["GET"])

    def change(address: str, view: Change) -> Route:
        async def endpoint(request: Request) -> Response:
            form = await read_form(request)
            site.token.check((form.get("token") or [""])[0])
            return await run_in_threadpool(view, site, request, form)

        return Route(address, endpoint, methods=["POST"])

    def take_file(address: str, view: TakeFile) -> Route:
        async def endpoint(request: Request) -> Response:
            form, upload = await read_upload(request)
            site.token.check((form.get("token") or [""])[0])
            return await run_in_threadpool(view, site, request, form, upload)

        return Route(address, endpoint, methods=["POST"])

    app = Starlette(
        routes=[
            page("/", views.search),
            page("/export.{ending}", views.export),
            page("/creator/{account_id}", views.creator),
            page("/compare", views.compare_creators),
            page("/benchmarks", views.benchmarks),
            page("/personas", views.personas),
            page("/notices", views.notices),
            page("/about", views.about),
            page("/shortlist", list_views.shortlist),
            page("/lists", list_views.all_lists),
            page("/lists/{name}", list_views.one_list),
            page("/lists/{name}/export.{ending}", list_views.export_list),
            change("/lists", list_views.create_list),
            change("/lists/add", list_views.add_members),
            change("/lists/{name}", list_views.change_list),
            take_file("/lists/{name}/upload", list_views.upload_list),
            Route(f"/{_STYLE}", _style, methods=["GET"]),
            Route("/favicon.ico", _no_icon, methods=["GET"]),
        ],
        middleware=[Middleware(SafeAnswers), Middleware(LoopbackGuard, port=config.port)],
        exception_handlers={
            PipelineError: _on_error(site),
            HTTPException: _on_error(site),
            Exception: _on_error(site),
        },
    )
    app.state.reader = reader
    return app


def _style(_request: Request) -> Response:
    return Response((TEMPLATES / _STYLE).read_bytes(), media_type="text/css")


def _no_icon(_request: Request) -> Response:
    return Response(status_code=204)


def _on_error(site: Site) -> Callable[[Request, Exception], Awaitable[Response]]:
    """Return the handler that answers an error with a page: what is wrong, and what to do."""

    async def handle(request: Request, error: Exception) -> Response:
        status, title, text, remedy = _described(error)
        html = render(
            "error.html",
            title=title,
            text=text,
            remedy=remedy,
            path=request.url.path,
            token=site.token.value,
            facts=None,
        )
        return HTMLResponse(html, status)

    return handle


def _described(error: Exception) -> tuple[int, str, str, str]:
    """Return the status, the title, what is wrong and what to do."""
    if isinstance(error, PipelineError):
        status = 503 if isinstance(error, WarehouseError) and not error.is_usage_error else 409
        status = 400 if error.is_usage_error else status
        return status, "This cannot be shown", error.message, error.remedy or "go back and try again"
    if isinstance(error, HTTPException):
        titles = {404: "There is no such page", 405: "This address cannot be used like that"}
        title = titles.get(error.status_code, "This request cannot be answered")
        is_ours = error.detail != HTTPStatus(error.status_code).phrase
        text = error.detail if is_ours else "the address names nothing that is here"
        return error.status_code, title, text, "start from the search"
    return 500, "The program has a defect", f"{type(error).__name__} in the program", "please report it"
