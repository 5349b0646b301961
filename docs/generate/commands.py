"""Renders the commands as ``tiktok-pipeline COMMAND --help`` describes them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

_CHECKOUT = Path(__file__).resolve().parents[2]


def render() -> str:
    """Return one section for each command, in the order of ``--help``, as Typer's own ``utils docs`` writes them."""
    call = [sys.executable, "-m", "typer", "tiktok_pipeline.cli.app", "utils", "docs", "--name", "tiktok-pipeline"]
    environment = {**os.environ, "PYTHONPATH": str(_CHECKOUT), "PYTHONUTF8": "1"}
    done = subprocess.run(call, env=environment, capture_output=True, text=True, check=True)  # noqa: S603
    _, *commands = done.stdout.split("\n## ")
    sections = "\n## ".join(["", *commands])
    text = "\n".join(line for line in sections.splitlines() if not line.startswith("* `--help`")).lstrip()
    return re.sub(r"(`[^`]*`)|(--[a-z][a-z-]*)", lambda match: match[1] or f"`{match[2]}`", text)
