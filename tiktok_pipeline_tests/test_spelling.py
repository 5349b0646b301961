"""One spelling in the whole repository: American, as pandas, scikit-learn and Dagster write it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

TEXT_FILES = frozenset({".css", ".html", ".j2", ".md", ".py", ".toml", ".yaml", ".yml"})
FOLDERS = (".github", "benchmarks", "docs", "tiktok_pipeline", "tiktok_pipeline_tests")
GENERATED = ("_build", "_generated")

# The stems are in two parts, so that this file does not match itself.
STEMS = tuple(
    first + second
    for first, second in (
        ("arte", "fact"),
        ("behav", "iour"),
        ("catal", "ogue"),
        ("col", "our"),
        ("cent", "re(?![aei])"),
        ("fav", "our"),
        ("gr", "ey(?![a-z])"),
        ("judge", "ment"),
        ("labe", "lled(?!by)"),
        ("learn", "t(?![a-z])"),
        ("lic", "ence"),
        ("mode", "lled"),
        ("neigh", "bour"),
        ("program", "me(?![a-z])"),
        ("spel", "t(?![a-z])"),
        ("spoi", "lt"),
    )
)
VERBS = (
    "anonym|character|emphas|general|initial|material|maxim|minim|normal|optim|organ|personal"
    "|priorit|recogn|serial|special|standard|summar|synchron|util|vector|visual"
)
ENDINGS = "ise|ised|iser|ises|ising|isation"
BRITISH = re.compile(rf"{'|'.join(STEMS)}|(?:{VERBS})(?:{ENDINGS})(?![a-z])", re.IGNORECASE)


def british_words(text: str) -> list[str]:
    return [match.group() for match in BRITISH.finditer(text)]


@pytest.mark.parametrize(
    "word", ["Col" + "ours", "summar" + "ise", "cent" + "red", "un" + "labe" + "lled", "gr" + "ey"]
)
def test_british_words_are_recognized(word: str) -> None:
    assert british_words(f"a_{word} of the rows")


@pytest.mark.parametrize("word", ["colors", "summarize", "centered", "emphasis", "aria-labelledby", "otherwise"])
def test_american_words_pass(word: str) -> None:
    assert not british_words(f"a_{word} of the rows")


def test_every_text_of_the_repository_has_american_spelling() -> None:
    files = [
        ROOT / name for name in ("CHANGELOG.md", "CONTRIBUTING.md", "README.md", "SECURITY.md", "pyproject.toml")
    ]
    for folder in FOLDERS:
        files += [
            path
            for path in (ROOT / folder).rglob("*")
            if path.suffix in TEXT_FILES and not any(part in GENERATED for part in path.parts)
        ]
    words = {
        f"{path.relative_to(ROOT)}: {word}"
        for path in files
        for word in british_words(f"{path.name}\n{path.read_text(encoding='utf-8')}")
    }
    assert sorted(words) == []
