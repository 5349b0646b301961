"""A damaged published file: every page says which file it is and what to do, and works again with a whole one."""

from __future__ import annotations

import html
import os
import shutil
from pathlib import Path

import pytest

from tiktok_pipeline_tests.cli.test_damage import break_bits
from tiktok_pipeline_tests.explorer.published_files import Pages, profile, write_published

EVERY_PAGE = ("/", "/?q=cooks", "/creator/creator.3", "/benchmarks", "/personas", "/notices", "/about", "/shortlist")


@pytest.mark.parametrize("damage", ["cut off", "broken bits"])
def test_every_page_names_the_damaged_file(tmp_path: Path, damage: str) -> None:
    write_published(tmp_path, [profile(number) for number in range(20)])
    pages = Pages(tmp_path)
    path = tmp_path / "published" / "tiktok.duckdb"
    assert pages.get("/").status_code == 200
    whole = tmp_path / "whole"
    shutil.copy(path, whole)
    damaged = tmp_path / "damaged"
    shutil.copy(path, damaged)
    if damage == "cut off":
        os.truncate(damaged, 300_000)
    else:
        break_bits(damaged, every=5_000)
    damaged.replace(path)
    for address in EVERY_PAGE:
        answer = pages.get(address)
        text = " ".join(html.unescape(answer.text).split())
        assert answer.status_code == 503, (address, text)
        assert f"{path}: this database file is damaged" in text
        assert "tiktok-pipeline doctor --fix" in text
        assert "Stack Trace" not in text
    whole.replace(path)
    assert {pages.get(address).status_code for address in EVERY_PAGE} == {200}
