"""What every page shares: the published file, the lists, the secret of the forms, and how a page is answered."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response

from tiktok_pipeline.explorer.lists import Lists
from tiktok_pipeline.explorer.published import Facts, Published
from tiktok_pipeline.explorer.rendering import render
from tiktok_pipeline.explorer.security import FormToken
from tiktok_pipeline.output.sheet import ColumnNote
from tiktok_pipeline.output.write_rows import check_rows, write_file
from tiktok_pipeline.safe_text import formula_safe

if TYPE_CHECKING:
    import pyarrow as pa

EXPORT_ENDINGS = ("csv", "xlsx", "parquet")


@dataclass(frozen=True)
class Site:
    """What the pages are made from."""

    published: Published
    lists: Lists
    token: FormToken
    shortlist_followers: float

    def page(self, request: Request, template: str, facts: Facts, status: int = 200, **context: Any) -> Response:  # noqa: ANN401
        """Answer with a page."""
        html = render(template, facts=facts, path=request.url.path, token=self.token.value, **context)
        return HTMLResponse(html, status)


def parameters(request: Request) -> dict[str, list[str]]:
    """Return the parameters of the address, each with all its values."""
    return {name: request.query_params.getlist(name) for name in request.query_params}


def page_number(request: Request) -> int:
    """Return the number of the page that the address asks for, 1 if it names none."""
    text = request.query_params.get("page", "1")
    return int(text) if text.isdecimal() and 0 < len(text) < 9 and int(text) > 0 else 1


def check_ending(ending: str) -> str:
    """Return the ending of an export; another one is no page."""
    if ending not in EXPORT_ENDINGS:
        raise HTTPException(404, f"a result is written as {', '.join(EXPORT_ENDINGS)}")
    return ending


def as_file(
    target_name: str,
    schema: pa.Schema,
    batches: Iterable[pa.RecordBatch],
    rows: int,
    notes: Mapping[str, ColumnNote],
) -> Response:
    """Answer with rows as a file; the file on the disk is deleted when it was sent."""
    folder = tempfile.TemporaryDirectory(prefix="tiktok_pipeline_")
    try:
        target = Path(folder.name) / target_name
        check_rows(target, rows)
        write_file(target, schema, batches, guard=formula_safe, notes=notes)
    except BaseException:
        folder.cleanup()
        raise
    return FileResponse(target, filename=target.name, background=BackgroundTask(folder.cleanup))
