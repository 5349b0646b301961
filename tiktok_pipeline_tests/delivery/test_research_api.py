"""Replies of the TikTok Research API get their handle from the request or from the name of the file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tiktok_pipeline.delivery.research_api import is_request_file, request_files, with_usernames
from tiktok_pipeline.delivery.tables import DeliveredTable, Layout, Record
from tiktok_pipeline.warehouse.base import UnreadableFileError

HEADER = ("data.display_name", "data.follower_count", "error.code")


def replies(count: int, header: tuple[str, ...] = HEADER) -> DeliveredTable:
    """Return a table of invented replies."""

    def read() -> Iterator[Record]:
        for row in range(1, count + 1):
            yield Record(row, row, (f"Name {row}", "10", "ok"))

    return DeliveredTable(
        name="replies.json",
        layout=Layout(container="json lines"),
        header=header,
        read=read,
        plain_format="ndjson",
        n_records=count,
    )


def handles(table: DeliveredTable) -> list[str | None]:
    """Return the first cell of each record."""
    assert table.header == ("username", *HEADER)
    assert table.plain_format is None
    return [record.cells[0] for record in table.records()]


@pytest.mark.parametrize(
    ("request_name", "text"),
    [
        ("replies.request.json", '{"username": "ann"}\n{"username": "ben"}\n'),
        ("replies.request.json", '[{"username": "ann"}, {"username": "ben"}]'),
        ("replies.ndjson.request.json", '\ufeff{"username": "ann"}\n\n{"username": "ben"}'),
    ],
)
def test_the_request_beside_the_file_has_the_handles(tmp_path: Path, request_name: str, text: str) -> None:
    (tmp_path / request_name).write_text(text, encoding="utf-8")
    (tmp_path / "replies.ndjson").touch()
    assert handles(with_usernames(replies(2), tmp_path / "replies.ndjson")) == ["ann", "ben"]
    assert is_request_file(tmp_path / request_name)


def test_a_request_with_other_users_is_refused(tmp_path: Path) -> None:
    (tmp_path / "replies.request.json").write_text('{"username": "ann"}', encoding="utf-8")
    with pytest.raises(UnreadableFileError, match=r"replies.request.json lists 1 users for 2 replies"):
        with_usernames(replies(2), tmp_path / "replies.json")


@pytest.mark.parametrize("text", ["{}", "no json", '["ann"]', "\x00", "7"])
def test_a_request_that_names_nobody_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "replies.request.json").write_text(text, encoding="utf-8")
    with pytest.raises(UnreadableFileError, match="expected the request of each reply"):
        with_usernames(replies(1), tmp_path / "replies.json")


def test_the_name_of_a_file_with_one_reply_is_the_handle(tmp_path: Path) -> None:
    assert handles(with_usernames(replies(1), tmp_path / "@some.creator.json.gz")) == ["some.creator"]


@pytest.mark.parametrize(("count", "name"), [(2, "ann.json"), (1, "my reply.json")])
def test_replies_without_any_handle_are_refused_with_what_is_needed(tmp_path: Path, count: int, name: str) -> None:
    with pytest.raises(UnreadableFileError, match="hold no handle") as refusal:
        with_usernames(replies(count), tmp_path / name)
    assert f"{name.removesuffix('.json')}.request.json" in str(refusal.value)


@pytest.mark.parametrize("header", [("data.username", "data.follower_count", "error.code"), ("a", "b", "c")])
def test_other_tables_stay_as_they_are(tmp_path: Path, header: tuple[str, ...]) -> None:
    table = replies(2, header)
    assert with_usernames(table, tmp_path / "x.json") is table


def test_a_file_that_only_ends_like_a_request_is_a_delivery(tmp_path: Path) -> None:
    alone = tmp_path / "replies.request.json"
    alone.touch()
    assert not is_request_file(alone)
    assert not is_request_file(tmp_path / "replies.json")


def test_a_request_whose_name_is_too_long_for_a_disk_is_not_looked_for(tmp_path: Path) -> None:
    assert [len(path.name) for path in request_files(tmp_path / f"{'a' * 240}.json")] == [253]
    assert request_files(tmp_path / f"{'a' * 250}.json") == []
