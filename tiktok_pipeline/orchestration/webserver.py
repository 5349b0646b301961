"""Dagster's web server behind a guard: ``python -P -m tiktok_pipeline.orchestration.webserver PORT [OPTION ...]``.

Dagster's server has no check of Host and Origin, and no place to add one: any page in a browser of this machine could
start and delete runs. Its application is wrapped where the server creates it; the rest is Dagster's own command.
"""

from __future__ import annotations

import sys
from typing import Any

import dagster_webserver.cli as dagster_cli

from tiktok_pipeline.web.loopback_guard import App, LoopbackGuard

HOST = "127.0.0.1"

_CREATE_APP = "create_app_from_workspace_process_context"


def main(arguments: list[str]) -> None:
    """Run ``dagster-webserver`` on 127.0.0.1 with the given options; the first argument is the port."""
    port, *options = arguments
    namespace = vars(dagster_cli)
    create_app = namespace[_CREATE_APP]

    def create_guarded_app(*args: Any, **keywords: Any) -> App:  # noqa: ANN401 - passed on as they are
        return LoopbackGuard(create_app(*args, **keywords), port=int(port))

    namespace[_CREATE_APP] = create_guarded_app
    dagster_cli.dagster_webserver(["--host", HOST, "--port", port, *options], prog_name="dagster-webserver")


if __name__ == "__main__":
    main(sys.argv[1:])
