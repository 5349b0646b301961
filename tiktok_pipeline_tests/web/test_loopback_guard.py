"""The guard: only this machine's own pages reach the server."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tiktok_pipeline.web.loopback_guard import LoopbackGuard, Receive, Send

PORT = 3000
OWN = {"host": "127.0.0.1:3000"}


def ask(
    headers: dict[str, str] | list[tuple[str, str]],
    *,
    method: str = "GET",
    path: str = "/runs",
    query: str = "",
    kind: str = "http",
) -> str:
    """Return "passed", or what the guard answered."""
    answers: list[Any] = []

    async def app(_scope: Any, _receive: Receive, send: Send) -> None:
        await send({"passed": True})

    async def receive() -> Any:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        answers.append(message)

    pairs = headers.items() if isinstance(headers, dict) else headers
    scope = {
        "type": kind,
        "method": method,
        "path": path,
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in pairs],
    }
    asyncio.run(LoopbackGuard(app, port=PORT)(scope, receive, send))
    if answers == [{"passed": True}]:
        return "passed"
    first = answers[0]
    return str(first.get("status", first["type"]))


@pytest.mark.parametrize("host", ["127.0.0.1:3000", "localhost:3000", "LOCALHOST:3000"])
def test_the_own_address_passes(host: str) -> None:
    assert ask({"host": host}) == "passed"
    own = {"host": host, "origin": f"http://{host}", "sec-fetch-site": "same-origin"}
    assert ask(own, method="POST", path="/graphql") == "passed"
    assert ask(own, kind="websocket", path="/graphql") == "passed"


@pytest.mark.parametrize(
    "host", ["evil.example:3000", "127.0.0.1", "127.0.0.1:80", "localhost:3001", "localhost.evil.example:3000", ""]
)
def test_another_name_is_refused(host: str) -> None:
    assert ask({"host": host}) == "403"
    assert ask({"host": host}, kind="websocket") == "websocket.close"


def test_a_request_without_a_host_or_with_two_is_refused() -> None:
    assert ask({}) == "403"
    assert ask([("host", "127.0.0.1:3000"), ("host", "127.0.0.1:3000")]) == "403"


@pytest.mark.parametrize("origin", ["http://127.0.0.1:9999", "https://127.0.0.1:3000", "null", "http://evil.example"])
def test_another_origin_is_refused(origin: str) -> None:
    assert ask(OWN | {"origin": origin}, method="POST", path="/graphql") == "403"
    assert ask(OWN | {"origin": origin}, kind="websocket", path="/graphql") == "websocket.close"


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_what_a_foreign_page_embeds_is_refused_but_a_link_opens_a_page(site: str) -> None:
    foreign = OWN | {"sec-fetch-site": site}
    assert ask(foreign | {"sec-fetch-mode": "no-cors"}) == "403"
    assert ask(foreign | {"sec-fetch-mode": "navigate"}) == "passed"
    assert ask(foreign | {"sec-fetch-mode": "navigate"}, method="POST") == "403"


def test_graphql_is_not_queried_by_get() -> None:
    assert ask(OWN, path="/graphql", query="query=mutation") == "403"
    assert ask(OWN, path="/graphql/", query="a=1&query=") == "403"
    assert ask(OWN, path="/graphql") == "passed"
    assert ask(OWN, path="/graphql", query="query=x", method="POST") == "passed"


def test_the_start_and_the_end_of_the_server_pass() -> None:
    assert ask({}, kind="lifespan") == "passed"
