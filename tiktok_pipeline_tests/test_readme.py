"""Every query in the README runs, as the reader would type it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tiktok_pipeline_tests.homes import Home, Said

README = (Path(__file__).resolve().parents[1] / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, flags=re.DOTALL | re.MULTILINE)


COMMANDS = [
    shlex.split(line, comments=True)[1:]
    for block in blocks("bash")
    for line in block.splitlines()
    if line.startswith("tiktok-pipeline sql ")
]
QUERIES = blocks("sql")


@pytest.fixture(scope="module")
def readme_home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home with segments and scores, such as the reader has one."""
    from tiktok_pipeline_tests.homes import TWO_STUDIES, Home
    from tiktok_pipeline_tests.scrapes import creators, spoilt, write_csv

    folder = tmp_path_factory.mktemp("readme")
    home = Home(folder / "home", studies=TWO_STUDIES)
    home.deliver(write_csv(folder / "profiles_2024-03-01.csv", spoilt(creators(120), 3, followers="-1")))
    assert home.refresh("2024-03-01").success
    return home


def test_the_readme_has_queries() -> None:
    assert len(COMMANDS) >= 3
    assert len(QUERIES) >= 3
    assert README.index("make run") < README.index("make test") < README.index("tiktok-pipeline refresh")


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_a_command_of_the_readme_runs(arguments: list[str], readme_home: Home, call: Callable[..., Said]) -> None:
    said = call(readme_home.path, *arguments)
    assert said.code == 0, said.err
    assert len(said.out.splitlines()) > 1


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_of_the_readme_runs(query: str, readme_home: Home) -> None:
    assert readme_home.sql(query, published=True)
