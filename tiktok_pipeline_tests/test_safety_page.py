"""The page about safety names tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

TESTS = Path(__file__).parent
PAGE = (TESTS.parent / "docs" / "safety.md").read_text(encoding="utf-8")
NAMED = re.findall(r"^  - `([^`]*)`$", PAGE, re.MULTILINE)


def test_every_line_names_its_tests() -> None:
    lines = PAGE.splitlines()
    sentences = [place for place, line in enumerate(lines) if line.startswith("- ")]
    assert len(sentences) > 50
    assert [lines[place] for place in sentences if not lines[place + 1].startswith("  - `")] == []


def test_every_test_that_is_named_exists() -> None:
    assert len(NAMED) > 150
    missing = []
    for named in NAMED:
        file, _, test = named.partition("::")
        text = (TESTS / file).read_text(encoding="utf-8") if (TESTS / file).is_file() else ""
        if not re.search(rf"^def {test}\(", text, re.MULTILINE):
            missing.append(named)
    assert missing == []
