"""Every query of the README and of the documentation runs, as the reader would type it, over the sample."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tiktok_pipeline.settings import Settings

if TYPE_CHECKING:
    from tiktok_pipeline_tests.homes import Home, Said

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
PAGES = [README, *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "docs" / "decisions").glob("*.md"))]
SQL_COMMAND = "tiktok-pipeline sql "


def blocks(page: Path, language: str) -> list[str]:
    text = page.read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)


def commands(page: Path) -> list[str]:
    """The commands of a page: the lines of its bash blocks, and the lines after a prompt of its console blocks."""
    typed = [line for block in blocks(page, "bash") for line in block.splitlines()]
    recorded = [line for block in blocks(page, "console") for line in block.splitlines() if line.startswith("$ ")]
    return [*typed, *(line.removeprefix("$ ") for line in recorded)]


SQL_COMMANDS = [
    pytest.param(line, id=f"{page.name}: {line}")
    for page in PAGES
    for line in commands(page)
    if line.startswith(SQL_COMMAND) and "--warehouse" not in line
]
QUERIES = [pytest.param(query, id=f"{page.name}: {query}") for page in PAGES for query in blocks(page, "sql")]


@pytest.fixture(scope="module")
def sample_home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home with the newest profiles of the sample, two studies with segments and one with scores.

    Of the snapshot before it has what the newest one is compared with.
    """
    from dagster import AssetSelection

    import tiktok_pipeline.studies
    from tiktok_pipeline.study import load_studies
    from tiktok_pipeline_tests.homes import TWO_STUDIES, Home, with_few_draws

    balanced = [study for study in load_studies(tiktok_pipeline.studies) if study.name == "balanced_segments"]
    home = Home(
        tmp_path_factory.mktemp("readme") / "home",
        studies=(*TWO_STUDIES, *(with_few_draws(study) for study in balanced)),
    )
    sample = ROOT / "data" / "sample"
    home.deliver(sample / "profiles_2024-04-01.csv", sample / "profiles_2024-04-29.csv")
    graph = home.definitions.resolve_asset_graph()
    compared = AssetSelection.groups("raw", "validated", "features", "creators", "balanced_segments").resolve(graph)
    assert home.refresh("2024-04-01", selection=sorted(compared)).success
    assert home.refresh("2024-04-29").success
    return home


def test_readme_shows_what_one_gets_then_two_commands_then_use() -> None:
    text = README.read_text(encoding="utf-8")
    assert len(text.splitlines()) < 150
    assert len(blocks(README, "sql")) >= 3
    assert len(SQL_COMMANDS) >= 3
    shown = ["docs/images/report.png", "docs/images/graph.png", "make run", "make test", "tiktok-pipeline refresh"]
    assert sorted(shown, key=text.index) == shown


@pytest.mark.slow
@pytest.mark.parametrize("line", SQL_COMMANDS)
def test_sql_command_runs(line: str, sample_home: Home, call: Callable[..., Said]) -> None:
    said = call(sample_home.path, *shlex.split(line, comments=True)[1:])
    assert said.code == 0, said.err
    assert len(said.out.splitlines()) > 1


@pytest.mark.slow
@pytest.mark.parametrize("query", QUERIES)
def test_query_returns_rows(query: str, sample_home: Home) -> None:
    assert sample_home.sql(query, published=True)


def test_settings_page_lists_every_variable_with_its_default() -> None:
    page = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `(TIKTOK_PIPELINE_\w+)` \|.*\| ([^|]+) \|$", page, flags=re.MULTILINE))
    source = (ROOT / "tiktok_pipeline" / "settings.py").read_text(encoding="utf-8")
    assert set(rows) == set(re.findall(r"TIKTOK_PIPELINE_[A-Z_]+", source))
    home = {"TIKTOK_PIPELINE_HOME": "home"}
    values = {name: default.strip("`") for name, default in rows.items() if " " not in default}
    assert len(values) >= 6
    assert Settings.from_env(home | values) == Settings.from_env(home)


def test_troubleshooting_quotes_messages_of_the_program() -> None:
    page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8").partition("## Troubleshooting")[2]
    symptoms = [line.split("|")[1] for line in page.splitlines() if line.startswith("|")]
    quoted = re.findall(r'"([^"]+)"', " ".join(symptoms))
    program = " ".join(path.read_text(encoding="utf-8") for path in (ROOT / "tiktok_pipeline").rglob("*.py"))
    assert len(quoted) >= 8
    assert [text for text in quoted if text not in program] == []


def test_links_and_images_of_readme_are_files() -> None:
    links = re.findall(r"\[[^\]]+\]\(([^)#]+)", README.read_text(encoding="utf-8"))
    assert len(links) >= 10
    assert [link for link in links if not (ROOT / link).exists()] == []
