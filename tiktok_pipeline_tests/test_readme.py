"""Every query that the README shows runs, as it stands there, against a refreshed home."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tiktok_pipeline_tests.orchestration.homes import Home, environment

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
COMMAND = "tiktok-pipeline sql"


def blocks(language: str) -> list[str]:
    """The fenced blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", README, flags=re.DOTALL | re.MULTILINE)


def commands(block: str) -> list[str]:
    """The shell commands of a block that query; one with an open quote or a backslash goes on in the next line."""
    found, begun = [], ""
    for line in block.splitlines():
        begun += line + "\n"
        try:
            shlex.split(begun.replace("\\\n", " "), comments=True)
        except ValueError:
            continue
        if not line.endswith("\\"):
            found.append(begun.strip())
            begun = ""
    assert not begun.strip(), f"an open quote in the README: {begun}"
    return [one for one in found if one.startswith(COMMAND)]


SHELL = [one for block in blocks("bash") for one in commands(block)]
QUERIES = [one.strip() for block in blocks("sql") for one in block.split(";") if one.strip()]


def test_the_readme_shows_queries() -> None:
    assert len(SHELL) >= 3
    assert len(QUERIES) >= 3
    assert README.count(COMMAND + ' "') == len(SHELL), "a query stands outside of a bash block"


@pytest.mark.parametrize("line", SHELL)
def test_a_command_of_the_readme_answers(refreshed_home: Home, tmp_path: Path, line: str) -> None:
    scripts = str(Path(sys.executable).parent)
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", line],
        env=environment(refreshed_home.path, PATH=f"{scripts}:/usr/bin:/bin"),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout.splitlines()) > 1


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_of_the_readme_answers_with_rows(refreshed_home: Home, query: str) -> None:
    reads_raw = re.search(r"\braw\.", query) is not None
    assert refreshed_home.sql(query, published=not reads_raw)
