"""Let only this machine's own pages talk to a server on 127.0.0.1.

Any page that a browser shows can send requests to a server on the same machine. Two rules stop it: the ``Host`` must
be the server's own address (else a page could reach it under its own name, by DNS rebinding), and an ``Origin`` must
be the server's own too. A browser sends an ``Origin`` with everything but plain reading, so reading must change
nothing: a query to GraphQL by GET is refused.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import parse_qs

Scope = Mapping[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
App = Callable[[Any, Receive, Send], Awaitable[None]]

_READING = frozenset({"GET", "HEAD"})
_OWN_SITE = frozenset({b"same-origin", b"none"})
_REFUSED_SOCKET = {"type": "websocket.close", "code": 1008}


class LoopbackGuard:
    """An ASGI application that refuses requests from other pages and under other names.

    Parameters
    ----------
    app : callable
        The ASGI application behind the guard.
    port : int
        The port on which the server listens.
    """

    def __init__(self, app: App, *, port: int) -> None:
        self._app = app
        names = ("127.0.0.1", "localhost")
        self._hosts = frozenset(f"{name}:{port}".encode() for name in names) | (
            frozenset(name.encode() for name in names) if port == 80 else frozenset()
        )
        self._origins = frozenset(b"http://" + host for host in self._hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it with 403."""
        reason = self._refusal(scope) if scope["type"] in ("http", "websocket") else None
        if reason is None:
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send(_REFUSED_SOCKET)
        else:
            await _forbid(send, reason)

    def _refusal(self, scope: Scope) -> str | None:
        """Return why a request is refused, or None."""
        headers: dict[bytes, list[bytes]] = {}
        for name, value in scope["headers"]:
            headers.setdefault(name.lower(), []).append(value.lower())
        hosts, origins = headers.get(b"host", []), headers.get(b"origin", [])
        if len(hosts) != 1 or hosts[0] not in self._hosts:
            return "this server answers only under its own address on this machine"
        if any(origin not in self._origins for origin in origins):
            return "this server answers only its own pages"
        is_reading = scope["type"] == "http" and scope["method"] in _READING
        is_opened = is_reading and headers.get(b"sec-fetch-mode") == [b"navigate"]
        if not is_opened and any(site not in _OWN_SITE for site in headers.get(b"sec-fetch-site", [])):
            return "this server answers only its own pages"
        if is_reading and scope["path"].rstrip("/").endswith("/graphql") and _has_query(scope["query_string"]):
            return "send GraphQL queries by POST"
        return None


def _has_query(query_string: bytes) -> bool:
    return "query" in parse_qs(query_string.decode("latin-1"), keep_blank_values=True)


async def _forbid(send: Send, reason: str) -> None:
    body = f"Refused: {reason}.\n".encode()
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
        (b"x-content-type-options", b"nosniff"),
    ]
    await send({"type": "http.response.start", "status": 403, "headers": headers})
    await send({"type": "http.response.body", "body": body})
