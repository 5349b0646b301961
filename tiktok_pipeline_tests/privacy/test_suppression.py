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


def test_every_flipped_bit_of_the_list_is_an_error_or_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "forgotten.json"
    suppression = SuppressionList("00ff").with_names(["Anna"])
    write_suppression_list(file, suppression)
    whole = file.read_bytes()
    refused = 0
    for place in range(len(whole)):
        file.write_bytes(bytes([*whole[:place], whole[place] ^ 1, *whole[place + 1 :]]))
        try:
            assert read_suppression_list(file) == suppression
        except SuppressionListError:
            refused += 1
    assert refused > len(whole) * 0.9


def test_a_list_of_an_earlier_day_without_a_checksum_is_read(tmp_path: Path) -> None:
    file = tmp_path / "forgotten.json"
    file.write_text('{"salt": "00", "hashes": ["11"], "unfinished": false}', encoding="utf-8")
    assert read_suppression_list(file) == SuppressionList("00", frozenset({"11"}))
