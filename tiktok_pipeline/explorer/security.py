"""What every request and every answer of the pages keeps: the own address, a secret in each form, no scripts.

`tiktok_pipeline.web.loopback_guard` refuses other hosts and other origins before anything is routed. Here are the
headers of an answer, the secret that a form must send back, and the limits of what is read.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from email import policy
from email.parser import BytesParser
from typing import Any
from urllib.parse import parse_qs

from starlette.requests import Request

from tiktok_pipeline.errors import PipelineError

LARGEST_FORM_BYTES = 256_000
MOST_FORM_FIELDS = 5_000
LARGEST_UPLOAD_BYTES = 2_000_000
MOST_PARTS = 20
LONGEST_ADDRESS = 16_000
"""Most bytes of the query of an address."""

_HEADERS = (
    (
        b"content-security-policy",
        b"default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
    # Under no-referrer a browser sends "Origin: null" with a form, which the guard refuses.
    (b"referrer-policy", b"same-origin"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
)

App = Callable[[Any, Any, Any], Awaitable[None]]


class FormRefusedError(PipelineError):
    """A form did not come from a page of this process, or is too large."""

    code = "form_refused"
    is_usage_error = True


class SafeAnswers:
    """An ASGI application that adds the headers of security to every answer and refuses endless addresses."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Mapping[str, Any], receive: Any, send: Any) -> None:  # noqa: ANN401 - ASGI
        """Pass a request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_safely(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                message = message | {"headers": [*message.get("headers", ()), *_HEADERS]}
            await send(message)

        if len(scope["query_string"]) > LONGEST_ADDRESS:
            body = b"This address is too long: at most 16,000 characters. Use fewer values.\n"
            headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(body)).encode())]
            await send_safely({"type": "http.response.start", "status": 414, "headers": headers})
            await send({"type": "http.response.body", "body": body})
            return
        await self._app(scope, receive, send_safely)


class FormToken:
    """The secret of this process that each form sends back; another page cannot know it."""

    def __init__(self) -> None:
        self.value = secrets.token_urlsafe(32)

    def check(self, given: str) -> None:
        """Raise `FormRefusedError` unless the text is the secret."""
        if not hmac.compare_digest(given.encode(), self.value.encode()):
            msg = "this form is from an earlier start of the program, or from another page"
            raise FormRefusedError(msg, remedy="open the page again and repeat the change")


@dataclass(frozen=True)
class Upload:
    """A file that a form sent: its name as the browser gave it, and its bytes."""

    name: str
    content: bytes


async def read_form(request: Request) -> dict[str, list[str]]:
    """Return the fields of a form with all their values.

    Raises
    ------
    FormRefusedError
        If the form is too large or not encoded as forms are.
    """
    body = await _read_body(request, LARGEST_FORM_BYTES, "send fewer creators at once")
    _check_encoding(request, "application/x-www-form-urlencoded")
    try:
        return parse_qs(body.decode(), keep_blank_values=True, max_num_fields=MOST_FORM_FIELDS)
    except ValueError as error:
        msg = "the form cannot be read"
        raise FormRefusedError(msg, remedy="send fewer creators at once") from error


async def read_upload(request: Request) -> tuple[dict[str, list[str]], Upload]:
    """Return the fields of a form with one file, and the file.

    Raises
    ------
    FormRefusedError
        If the form is too large, not encoded as such forms are, or has no file.
    """
    body = await _read_body(request, LARGEST_UPLOAD_BYTES, "send a file with the handles alone")
    _check_encoding(request, "multipart/form-data")
    fields, uploads = split_multipart(request.headers["content-type"], body)
    if len(uploads) != 1 or not uploads[0].content:
        msg = "no file was chosen, or it is empty"
        raise FormRefusedError(msg, remedy="choose a .csv or .xlsx file")
    return fields, uploads[0]


def split_multipart(content_type: str, body: bytes) -> tuple[dict[str, list[str]], list[Upload]]:
    """Return the fields and the files of a form that is encoded in parts, as RFC 7578 says.

    Raises
    ------
    FormRefusedError
        If it has no fields. At most `MOST_PARTS` parts are read.
    """
    head = b"Content-Type: " + content_type.encode("latin-1") + b"\r\n\r\n"
    try:
        message = BytesParser(policy=policy.HTTP).parsebytes(head + body)
        parts = list(message.iter_parts()) if message.is_multipart() else []
    except (ValueError, LookupError, RecursionError):  # parts within parts, a boundary that is none
        parts = []
    fields: dict[str, list[str]] = {}
    uploads = []
    for part in parts[:MOST_PARTS]:
        payload = part.get_payload(decode=True)
        content = payload if isinstance(payload, bytes) else b""
        filename = part.get_filename()
        if filename is None:
            name = str(part.get_param("name", "", header="content-disposition"))
            fields.setdefault(name, []).append(content.decode(errors="replace"))
        else:
            uploads.append(Upload(str(filename), content))
    if not fields:
        msg = "the form cannot be read"
        raise FormRefusedError(msg, remedy="send it from the page")
    return fields, uploads


async def _read_body(request: Request, largest_bytes: int, remedy: str) -> bytes:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > largest_bytes:
            msg = f"the form is larger than {largest_bytes // 1000:,} kB"
            raise FormRefusedError(msg, remedy=remedy)
    return body


def _check_encoding(request: Request, encoding: str) -> None:
    if not request.headers.get("content-type", "").startswith(encoding):
        msg = "the form is not encoded as a page of this program sends it"
        raise FormRefusedError(msg, remedy="send it from the page")
