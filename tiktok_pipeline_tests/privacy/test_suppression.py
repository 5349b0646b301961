"""The suppression list: a damaged one stops everything that would ingest a forgotten creator."""

from __future__ import annotations

from pathlib import Path

import pytest

from tiktok_pipeline.privacy.suppression import (
    SuppressionList,
    SuppressionListError,
    read_suppression_list,
    write_suppression_list,
)


@pytest.mark.parametrize(
    "text", ["", '{"salt', "[]", '{"salt": "aa"}', '{"salt": "a", "hashes": 1, "unfinished": 0}']
)
def test_a_damaged_list_is_an_error(tmp_path: Path, text: str) -> None:
    file = tmp_path / "forgotten.json"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(SuppressionListError, match=r"forgotten\.json: damaged.*; restore it from a backup"):
        read_suppression_list(file)


def test_a_written_list_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "forgotten.json"
    suppression = SuppressionList("00ff").with_names(["Anna", "6700000000000000000"])
    write_suppression_list(file, suppression)
    assert read_suppression_list(file) == suppression
