"""Records the output blocks of the README and the tutorial: ``python docs/record.py``.

It runs the commands after each prompt (``$ ``) of the ``console`` blocks in a new folder with the home ``data``, and
replaces the lines below each command by its output. Instead of ``make run`` it runs the command behind it. A ``text``
block after a ``sql`` block becomes the result of the query.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
PAGES = (CHECKOUT / "docs" / "tutorial.md", CHECKOUT / "README.md")
"""The tutorial comes first: its first command fills the home."""

SHOWN_LINES = 20
"""An output of more than twice as many lines is shown as its first and its last lines."""

RUN = "tiktok-pipeline refresh data/sample"
_CONSOLE = re.compile(r"^```console\n(.*?)^```", flags=re.DOTALL | re.MULTILINE)
_QUERY = re.compile(r"^```sql\n([^`]*)^```\n\n```text\n[^`]*^```", flags=re.MULTILINE)


def main() -> None:
    """Record every page."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "data"
        shutil.copytree(CHECKOUT / "data" / "sample", home / "sample")
        for page in PAGES:
            text = page.read_text(encoding="utf-8")
            text = _CONSOLE.sub(lambda block: _recorded(block[1], home), text)
            text = _QUERY.sub(lambda block: _answered(block[1], home), text)
            page.write_text(text, encoding="utf-8")


def _recorded(block: str, home: Path) -> str:
    typed = [line.removeprefix("$ ") for line in block.splitlines() if line.startswith("$ ")]
    lines = [line for command in typed for line in (f"$ {command}", *_output(command, home))]
    return "\n".join(["```console", *lines, "```"])


def _answered(query: str, home: Path) -> str:
    result = "\n".join(_output(f"tiktok-pipeline sql {shlex.quote(query)}", home))
    return f"```sql\n{query}```\n\n```text\n{result}\n```"


def _output(command: str, home: Path) -> list[str]:
    environment = os.environ | {
        "COLUMNS": "118",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(CHECKOUT),
        "TIKTOK_PIPELINE_HOME": str(home),
    }
    done = subprocess.run(  # noqa: S602 - the commands are those of the pages
        RUN if command == "make run" else command,
        shell=True,
        cwd=home.parent,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=True,
    )
    lines = done.stdout.replace(str(home), "data").rstrip().splitlines()
    lines = [line.rstrip() for line in lines if "100% 0:" not in line]  # a progress bar
    return lines if len(lines) <= 2 * SHOWN_LINES else [*lines[:SHOWN_LINES], "...", *lines[-SHOWN_LINES:]]


if __name__ == "__main__":
    main()
