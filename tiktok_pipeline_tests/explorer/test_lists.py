"""The file of the lists: private, migrated, honest about what is wrong with it, and empty of who is forgotten."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from tiktok_pipeline.explorer.lists import Lists, ListsError, Member, forget_members


def test_members_keep_the_figures_of_the_day_on_which_they_were_added(tmp_path: Path) -> None:
    lists = Lists(tmp_path / "explorer" / "lists.sqlite")
    name = lists.create("  Spring   campaign ")
    assert name == "Spring campaign"
    first = Member("a", snapshot="2024-04-01", followers=10, engagement=0.5, persona="Breakouts")
    assert lists.add(name, [first, Member("b")]) == 2
    assert lists.add(name, [Member("a", followers=99)]) == 0
    lists.change(name, "a", state="asked", note="wrote on Monday")
    kept = lists.members(name)[0]
    assert (kept.followers, kept.engagement, kept.state, kept.note) == (10, 0.5, "asked", "wrote on Monday")
    lists.remove(name, "b")
    assert lists.names() == {name: 1}
    lists.delete(name)
    assert lists.names() == {}
    assert lists.members(name) == []


def test_the_file_is_private_and_made_at_the_first_change(tmp_path: Path) -> None:
    lists = Lists(tmp_path / "explorer" / "lists.sqlite")
    assert lists.names() == {}
    assert not lists.path.exists()
    lists.create("x")
    assert lists.path.stat().st_mode & 0o777 == 0o600
    assert lists.path.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("name", ["", "  ", "a/b", "x" * 81, "a\x07b", "what?"])
def test_a_name_that_no_address_can_hold_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ListsError, match="the name of a list"):
        Lists(tmp_path / "lists.sqlite").create(name)


def test_a_damaged_a_locked_and_a_newer_file_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    damaged = tmp_path / "damaged.sqlite"
    damaged.write_bytes(b"no database" * 100)
    with pytest.raises(ListsError, match=r"damaged\.sqlite: cannot be used .*move it away"):
        Lists(damaged).names()
    monkeypatch.setattr("tiktok_pipeline.explorer.lists._WAIT_SECONDS", 0.05)
    lists = Lists(tmp_path / "locked.sqlite")
    lists.create("x")
    holder = sqlite3.connect(lists.path)
    holder.execute("begin exclusive")
    with pytest.raises(ListsError, match="another program has it open; close that program"):
        lists.create("y")
    holder.rollback()
    holder.execute("pragma user_version = 99")
    holder.close()
    with pytest.raises(ListsError, match="a newer program wrote it"):
        lists.names()


def test_who_is_forgotten_is_on_no_list_and_in_no_note(tmp_path: Path) -> None:
    lists = Lists(tmp_path / "lists.sqlite")
    for name in ("one", "two"):
        lists.create(name)
        lists.add(
            name, [Member("Gone.Creator"), Member("stays", note="like gone.creator"), Member("other", note="ok")]
        )
    assert forget_members(lists.path, ["gone.creator"]) == 2
    for name in ("one", "two"):
        assert [(member.account_id, member.note) for member in lists.members(name)] == [
            ("other", "ok"),
            ("stays", ""),
        ]
    assert b"gone.creator" not in lists.path.read_bytes().lower()
    assert forget_members(tmp_path / "none.sqlite", ["x"]) == 0
    assert not (tmp_path / "none.sqlite").exists()


def test_a_list_that_was_named_after_a_forgotten_creator_gets_another_name(tmp_path: Path) -> None:
    lists = Lists(tmp_path / "lists.sqlite")
    for name in ("for Gone.Creator", "others", "list 1"):
        lists.create(name)
        lists.add(name, [Member("anna", snapshot="2024-03-01")])
    assert forget_members(lists.path, ["gone.creator"]) == 0
    assert lists.names() == {"list 1": 1, "list 2": 1, "others": 1}
    assert b"gone.creator" not in lists.path.read_bytes().lower()
    assert forget_members(lists.path, ["list"]) == 0  # an ordinary word
    assert set(lists.names()) == {"list 1", "list 2", "others"}
