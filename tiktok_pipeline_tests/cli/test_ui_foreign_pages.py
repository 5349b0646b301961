"""A page of another origin in the same browser cannot drive Dagster's UI, and a file that lies around is not run."""

from __future__ import annotations

import json
import threading
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote

import pytest
from dagster import DagsterInstance

from tiktok_pipeline.orchestration.partitions import SNAPSHOTS
from tiktok_pipeline_tests.cli.test_ui import chromium, server, wait_until_done
from tiktok_pipeline_tests.homes import Home

MODULES = ("toml", "colorama", "dagster_webserver", "dagster", "sitecustomize")
MUTATION = """mutation { addDynamicPartition(repositorySelector: {repositoryName: "__repository__",
repositoryLocationName: "tiktok_pipeline.definitions"}, partitionsDefName: "snapshots", partitionKey: "KEY")
{ __typename } }"""


LAUNCH = """mutation { launchRun(executionParams: {mode: "default", selector: {repositoryName: "__repository__",
repositoryLocationName: "tiktok_pipeline.definitions", jobName: "ingest"}}) { __typename } }"""


def serve_page(content: str) -> ThreadingHTTPServer:
    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(content.encode())

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    page = ThreadingHTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=page.serve_forever, daemon=True).start()
    return page


def attack(url: str) -> str:
    """Return a page that sends the mutation by every way that needs no permission of the server."""
    image, simple, form, json_ = (MUTATION.replace("KEY", f"2001-01-0{number}") for number in range(1, 5))
    host = url.removeprefix("http://")
    return f"""<img id=image src="{url}/graphql?query={quote(image)}">
<iframe name=frame></iframe>
<form id=form method=post action="{url}/graphql" enctype=text/plain target=frame>
<input name='{{"query": {json.dumps(form)}, "a' value='": 1}}'></form>
<script>
document.getElementById("form").submit();
fetch("{url}/graphql", {{method: "POST", mode: "no-cors", body: {json.dumps(json.dumps({"query": simple}))}}});
fetch("{url}/graphql", {{method: "POST", headers: {{"Content-Type": "application/json"}},
  body: {json.dumps(json.dumps({"query": json_}))}}}).catch(() => 0);
const socket = new WebSocket("ws://{host}/graphql", "graphql-ws");
socket.onopen = () => document.title = "open"; socket.onerror = () => document.title = "refused";
</script>"""


def post(url: str, query: str) -> bytes:
    """Send a query as the UI does, with its own origin."""
    body = json.dumps({"query": query}).encode()
    request = urllib.request.Request(f"{url}/graphql", body, {"Content-Type": "application/json", "Origin": url})
    with urllib.request.urlopen(request, timeout=60) as answer:
        content: bytes = answer.read()
    return content


@pytest.mark.browser
def test_foreign_pages_and_files_that_lie_around_change_nothing(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    folder = tmp_path / "downloads"
    folder.mkdir()
    for module in MODULES:
        (folder / f"{module}.py").write_text(f"open({str(folder / 'ran')!r}, 'a').write({module!r})")
    with server(home.path, tmp_path / "ui.log", folder=folder) as url, chromium() as page:
        foreign = serve_page(attack(url))
        page.goto(f"http://127.0.0.1:{foreign.server_port}/")
        page.wait_for_function("document.title != ''")
        assert page.title() == "refused"
        page.wait_for_timeout(2_000)
        foreign.shutdown()
        foreign.server_close()
        assert b"AddDynamicPartitionSuccess" in post(url, MUTATION.replace("KEY", "2001-01-09"))
        # The process of a run is started by others than those above.
        assert b"LaunchRunSuccess" in post(url, LAUNCH)
        assert wait_until_done(home) == "SUCCESS", (tmp_path / "ui.log").read_text(encoding="utf-8")
    with DagsterInstance.from_config(str(home.settings.dagster_home)) as instance:
        assert instance.get_dynamic_partitions(str(SNAPSHOTS.name)) == ["2001-01-09"]
    assert not (folder / "ran").exists()
