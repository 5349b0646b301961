"""The file of the lists: private, migrated, honest about what is wrong with it, and empty of who is forgotten."""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tiktok_pipeline.explorer.lists import _MIGRATIONS, Lists, ListsError, Member, changed_rows, forget_members
from tiktok_pipeline.upkeep.home_checks import check_lists


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


def some_lists(path: Path) -> Lists:
    lists = Lists(path)
    for name in ("Spring campaign", "Autumn"):
        lists.create(name)
        lists.add(name, [Member(f"creator{n}", note="wrote on Monday", engagement=0.1 * n) for n in range(9)])
    lists.change("Autumn", "creator3", state="asked", note="zürich 🎬")
    return lists


def test_every_broken_bit_of_the_lists_is_noticed_or_changes_nothing(tmp_path: Path) -> None:
    lists = some_lists(tmp_path / "lists.sqlite")
    assert changed_rows(lists.path) == 0
    whole = lists.path.read_bytes()
    before = {name: lists.members(name) for name in lists.names()}
    places = [whole.index(text) + 1 for text in (b"creator5", b"Monday", b"asked", "🎬".encode(), b"Spring")]
    draw = random.Random(4)
    damaged = tmp_path / "damaged.sqlite"
    silent = []
    for place in places * 8 + [draw.randrange(len(whole)) for _ in range(300)]:
        content = bytearray(whole)
        content[place] ^= 1 << draw.randrange(8)
        damaged.write_bytes(content)
        if check_lists(damaged).level == "error":
            continue
        now = {name: Lists(damaged).members(name) for name in Lists(damaged).names()}
        silent += [place] if now != before else []
    assert silent == []


def test_doctor_names_rows_of_the_lists_that_changed_and_a_change_of_the_user_is_none(tmp_path: Path) -> None:
    lists = some_lists(tmp_path / "lists.sqlite")
    lists.path.write_bytes(lists.path.read_bytes().replace(b"Monday", b"Nonday"))
    assert changed_rows(lists.path) == 17
    finding = check_lists(lists.path)
    assert (finding.level, finding.remedy.partition(":")[0]) == ("error", "restore a backup")
    assert "17 row(s) of the lists changed after the last write" in finding.message
    for name in lists.names():
        for member in lists.members(name):
            lists.change(name, member.account_id, state="agreed", note="")
    assert check_lists(lists.path).level == "ok"


def test_lists_of_the_first_version_get_checksums(tmp_path: Path) -> None:
    path = tmp_path / "lists.sqlite"
    with closing(sqlite3.connect(path)) as database, database:
        for statement in _MIGRATIONS[0]:
            database.execute(statement)
        database.execute("pragma user_version = 1")
        database.execute("insert into lists values ('old', '2026-11-01')")
        database.execute("insert into members (list, account_id, added_at, snapshot) values ('old', 'a', '', '')")
    assert changed_rows(path) == 0
    assert Lists(path).add("old", [Member("a"), Member("b")]) == 1
    assert (Lists(path).names(), changed_rows(path)) == ({"old": 2}, 0)
