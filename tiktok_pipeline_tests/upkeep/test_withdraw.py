"""What is taken back for a name: every part of one delivery, and nothing of another one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tiktok_pipeline.home.manifest import StoredFile
from tiktok_pipeline.upkeep.withdraw import NothingToWithdrawError, find_withdrawal

FILE = StoredFile(
    file="scrape.csv",
    delivered_sha256="a",
    stored_sha256="a",
    bytes=1,
    rows=10,
    source="profiles",
    dialect="public_csv",
    ingested_at="2024-03-01T00:00:00",
    delivered_name="scrape.csv",
)
OTHER = replace(FILE, file="other.csv", delivered_name="other.csv", delivered_sha256="b")
CONVERTED = replace(FILE, file="book.xlsx.parquet", delivered_name="book.xlsx", delivered_sha256="c")


def test_a_file_is_found_under_its_delivered_and_its_stored_name() -> None:
    manifests = {"2024-03-01": [FILE, CONVERTED]}
    for name in ("book.xlsx", "book.xlsx.parquet"):
        withdrawal = find_withdrawal(manifests, file=name)
        assert (withdrawal.files, withdrawal.emptied) == ({"2024-03-01": (CONVERTED,)}, ())
        assert withdrawal.reduced == ["2024-03-01"]


def test_a_snapshot_of_which_nothing_is_left_is_emptied() -> None:
    manifests = {"2024-03-01": [FILE], "2024-04-01": [OTHER]}
    assert find_withdrawal(manifests, file="scrape.csv").emptied == ("2024-03-01",)
    assert find_withdrawal(manifests, snapshot="2024-04-01").emptied == ("2024-04-01",)


def test_the_days_of_a_history_go_together() -> None:
    manifests = {"2024-03-01": [FILE], "2024-03-02": [FILE, OTHER]}
    withdrawal = find_withdrawal(manifests, file="scrape.csv")
    assert (withdrawal.emptied, withdrawal.reduced) == (("2024-03-01",), ["2024-03-02"])


def test_different_files_of_one_name_need_their_snapshot() -> None:
    manifests = {"2024-03-01": [FILE], "2024-03-08": [replace(FILE, delivered_sha256="z")]}
    with pytest.raises(NothingToWithdrawError, match=r"2 snapshots: 2024-03-01, 2024-03-08; .*--snapshot 2024-03-08"):
        find_withdrawal(manifests, file="scrape.csv")
    assert list(find_withdrawal(manifests, file="scrape.csv", snapshot="2024-03-08").files) == ["2024-03-08"]


@pytest.mark.parametrize(
    ("file", "snapshot"), [("none.csv", None), (None, "2024-05-01"), ("scrape.csv", "2024-04-01")]
)
def test_what_is_not_stored_cannot_be_withdrawn(file: str | None, snapshot: str | None) -> None:
    manifests = {"2024-03-01": [FILE], "2024-04-01": [OTHER]}
    with pytest.raises(NothingToWithdrawError, match=r"the (files|snapshots) are: "):
        find_withdrawal(manifests, file=file, snapshot=snapshot)
