"""Every page over a small published file: what it answers, what it refuses, and what it says of a fault."""

from __future__ import annotations

import contextlib
import html
import io
import re
import shutil
import sqlite3
from pathlib import Path

import duckdb
import openpyxl
import pandas as pd
import pytest

from tiktok_pipeline.explorer.lists import Lists
from tiktok_pipeline.warehouse.duckdb.connection import query as run_query
from tiktok_pipeline_tests.explorer.published_files import HOSTILE, Pages, profile, write_published

CREATORS = 450
EVERY_PAGE = (
    *("/", "/?q=cooks&sort=margin", "/creator/creator.3", "/compare?id=creator.1&id=creator.2", "/benchmarks"),
    *("/benchmarks?by=persona", "/personas", "/notices", "/about", "/lists", "/shortlist?budget=100&rate=10"),
)


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Pages:
    home = tmp_path_factory.mktemp("home")
    rows = [profile(number) for number in range(CREATORS)]
    rows[200] |= {"avg_engagement_rate": 0.9}
    for row in rows[440:]:
        row["videos_count"] = 100
    earlier = [profile(number, followers=900 + number) for number in range(50)]
    write_published(home, rows, also={"2024-03-01": earlier})
    return Pages(home)


def cells(text: str) -> list[str]:
    """Return the handles of a table of results, in order."""
    return [
        html.unescape(handle) for handle in re.findall(r'<th scope="row"><a href="[^"]*"><bdi>@(.*?)</bdi>', text)
    ]


@pytest.mark.parametrize("address", EVERY_PAGE)
def test_every_page_answers_and_holds_no_script(pages: Pages, address: str) -> None:
    answer = pages.get(address)
    assert answer.status_code == 200
    assert "<script" not in answer.text
    assert " style=" not in answer.text
    assert not re.search(r' on[a-z]+="', answer.text)
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["referrer-policy"] == "same-origin"


def test_the_search_filters_sorts_and_pages(pages: Pages) -> None:
    first = pages.get("/?followers_min=5000&followers_max=5100")
    assert cells(first.text) == [f"creator.{number}" for number in range(410, 399, -1)]
    assert "<strong>11</strong> of 450 creators" in first.text
    assert (
        cells(pages.get("/?sort=account_id&order=up&page=2").text)[0]
        == sorted(f"creator.{number}" for number in range(CREATORS))[25]
    )
    assert cells(pages.get("/?sort=avg_engagement_rate").text)[0] == "creator.200"
    breakouts = cells(pages.get("/?persona=Breakouts&followers_max=1100").text)
    assert breakouts == [f"creator.{number}" for number in (10, 8, 6, 4, 2, 0)]


def test_the_query_to_copy_gives_the_same_rows(pages: Pages, tmp_path: Path) -> None:
    text = pages.get("/?q=creator.7&verified=yes").text
    query = html.unescape(re.findall(r"<code>(select.*?)</code>", text)[0])
    copy = shutil.copy(pages.home / "published" / "tiktok.duckdb", tmp_path)
    found = [str(row[0]) for row in run_query(Path(copy), query)[1]]
    assert found == cells(text)
    assert "creator.7" in found


def test_a_page_beyond_the_end_leads_to_the_last_one(pages: Pages) -> None:
    text = pages.get("/?followers_min=5000&page=99").text
    assert "There is no page 99: the result has 2." in text
    assert 'href="/?followers_min=5000&amp;page=2"' in text


def test_empty_columns_hide_their_filters(pages: Pages) -> None:
    text = pages.get("/").text
    assert 'name="region"' not in text
    assert 'name="activity"' not in text
    assert 'name="tier"' in text
    assert "Region: this snapshot has no such values" in pages.get("/?region=DE").text
    assert "sorted by followers instead" in pages.get("/?sort=median_plays").text


def test_hostile_texts_are_texts(pages: Pages) -> None:
    for number in range(0, 15, 3):
        text = pages.get(f"/creator/creator.{number}").text
        assert "<script>document" not in text
        assert "<img" not in text
        assert 'href="javascript:' not in text
    shown = pages.get("/creator/creator.0").text
    assert html.escape(HOSTILE[0], quote=True).replace("&#x27;", "&#39;") in shown or "&lt;script&gt;" in shown
    assert "\u202e" not in pages.get("/creator/creator.9").text


def test_a_card_compares_with_the_peers_and_finds_lookalikes(pages: Pages) -> None:
    text = pages.get("/creator/creator.200").text
    assert "Compared with the 51 creators nearest in followers, from 2,750 to 3,250 followers." in text
    assert "above 99%" in text
    assert "High engagement" in text
    assert "Who is alike?" in text
    assert 'href="https://www.tiktok.com/@creator.200" rel="noopener noreferrer"' in text
    history = pages.get("/creator/creator.3").text
    assert "2024-03-01" in history
    assert "903" in history


def test_a_card_says_what_would_move_the_creator_to_its_runner_up(pages: Pages) -> None:
    """The centers are at 50 and 60 videos: 5 in the middle, and a part for the other features.

    The creator has 1,030 followers. Its distances squared differ by ln(1031)^2 - (ln(1031) - 1)^2 + 100 for the first
    two features and the videos; half of that over 10 is the way to the border: 50 + 5.6, so 56 videos.
    """
    text = pages.get("/creator/creator.3").text
    assert "To reach it, all else unchanged: 56 videos in all (now 50)." in text
    # A creator with 100 videos is on the other side: nobody takes videos away.
    beyond = pages.get("/creator/creator.445").text
    assert "Nothing that the creator alone controls, videos or accounts followed, would move it there." in beyond


def test_an_earlier_handle_leads_to_the_present_one_and_is_on_its_card(tmp_path: Path) -> None:
    renamed = [profile(number) for number in range(30)]
    renamed[4] |= {"account_id": "new.name"}
    write_published(tmp_path, renamed, also={"2024-03-01": [profile(number) for number in range(30)]})
    pages = Pages(tmp_path)
    answer = pages.get("/creator/creator.4")
    assert (answer.status_code, answer.headers["location"]) == (302, "/creator/new.name")
    card = pages.get("/creator/new.name").text
    assert "Earlier handles: <bdi>@creator.4</bdi> (2024-03-01 to 2024-03-01)" in card
    assert re.findall(r'<th scope="row">(2024-0\d-\d\d)</th>', card) == ["2024-03-01", "2024-04-29"]
    assert card.count("<polyline") == 3


def test_unknown_creators_and_pages_say_what_is_known(pages: Pages) -> None:
    unknown = pages.get("/creator/nobody")
    assert unknown.status_code == 404
    assert "has no creator with this handle; no snapshot has it." in unknown.text
    assert pages.get("/creator/@creator.1").status_code == 200
    assert pages.get("/nothing").status_code == 404
    assert pages.get("/benchmarks?by=mood").status_code == 404
    assert pages.get("/export.exe").status_code == 404


def test_compare_marks_the_best_and_bounds_how_many(pages: Pages) -> None:
    ids = "&".join(f"id=creator.{number}" for number in range(10_000 // 20))
    text = pages.get(f"/compare?{ids}").text
    assert "At most 10 creators are compared; 490 more are left out." in text
    two = pages.get("/compare?id=creator.1&id=creator.2&add=nobody").text
    assert re.findall(r'<td class="n best"><span class="hidden">best: </span>([\d,]+)<svg', two)[0] == "1,020"
    assert "@nobody" in two
    assert pages.get("/compare?" + "id=x&" * 5_000).status_code == 414


def test_notices_name_the_value_and_the_usual_range(pages: Pages) -> None:
    text = pages.get("/notices").text
    assert set(cells(text)) == {"creator.200"}
    assert "90%" in text
    assert "fake" not in text.lower()
    assert "There is no page 5" in pages.get("/notices?page=5").text


def test_a_result_is_taken_along_as_a_file(pages: Pages) -> None:
    table = pd.read_csv(io.BytesIO(pages.get("/export.csv?followers_min=5000").content))
    assert list(table.columns[:4]) == ["account_id", "profile_url", "nickname", "followers"]
    assert len(table) == 50
    assert not any(str(text).startswith("=") for text in table["biography"])
    assert len(pd.read_parquet(io.BytesIO(pages.get("/export.parquet").content))) == CREATORS
    assert pages.get("/export.xlsx?followers_min=5000").headers["content-disposition"].endswith('.xlsx"')


def test_foreign_hosts_and_pages_are_refused(pages: Pages) -> None:
    for host in ("evil.example:8080", "127.0.0.1", "127.0.0.1:80", "localhost:8081"):
        assert pages.get("/", host=host).status_code == 403
    assert pages.get("/", host="localhost:8080").status_code == 200
    form = {"name": "x"}
    assert pages.post("/lists", form, origin="http://evil.example").status_code == 403
    assert pages.post("/lists", form, origin="null").status_code == 403
    assert pages.post("/lists", form, sec_fetch_site="cross-site").status_code == 403
    assert pages.post("/lists", form | {"token": "guessed"}).status_code == 400
    assert pages.post("/lists", form, content_type="text/plain").status_code == 400
    assert pages.post("/lists", {"name": "x" * 300_000}).status_code == 400
    assert not (pages.home / "explorer").exists()


def test_a_list_from_search_to_file(pages: Pages) -> None:
    answer = pages.post(
        "/lists/add", {"new_list": "Spring & sun", "id": ["creator.1"], "handles": "@creator.2, none"}
    )
    address = "/lists/Spring%20%26%20sun"
    assert (answer.status_code, answer.headers["location"]) == (303, f"{address}?unknown=none")
    assert "Not in snapshot 2024-04-29, so not added: <bdi>@none</bdi>" in pages.get(f"{address}?unknown=none").text
    pages.post(address, {"action": "save", "account_id": "creator.1", "state": "asked", "note": "=1+1"})
    text = pages.get(address).text
    assert cells(text) == ["creator.1", "creator.2"]
    assert "<option selected>asked</option>" in text
    table = pd.read_csv(io.BytesIO(pages.get(f"{address}/export.csv").content))
    chosen = table[["account_id", "state", "note", "followers"]].to_numpy().tolist()[0]
    assert chosen == ["creator.1", "asked", "'=1+1", 1010]
    pages.post(address, {"action": "remove", "account_id": "creator.2"})
    assert Lists(pages.home / "explorer" / "lists.sqlite").names() == {"Spring & sun": 1}
    assert "no creator was chosen" in pages.post("/lists/add", {"new_list": "x"}).text
    assert "none of these 1 handles" in pages.post("/lists/add", {"new_list": "x", "handles": "nobody"}).text
    pages.post(address, {"action": "delete"})
    assert pages.get(address).status_code == 404


def xlsx(rows: list[list[str]]) -> bytes:
    book = openpyxl.Workbook()
    sheet = book.create_sheet("Handles", 0)
    for row in rows:
        sheet.append(row)
    written = io.BytesIO()
    book.save(written)
    return written.getvalue()


def test_a_list_is_written_and_read_again_with_its_states_and_notes(pages: Pages) -> None:
    lists = Lists(pages.home / "explorer" / "lists.sqlite")
    for ending in ("csv", "xlsx"):
        pages.post("/lists/add", {"new_list": "First", "handles": "creator.1 creator.2"})
        pages.post("/lists/First", {"account_id": "creator.2", "state": "agreed", "note": "=1+1; \u20ac 500"})
        content = pages.get(f"/lists/First/export.{ending}").content
        pages.post("/lists", {"name": "Second"})
        answer = pages.upload("/lists/Second/upload", f"my list.{ending}", content)
        assert (answer.status_code, answer.headers["location"]) == (303, "/lists/Second")
        first, second = (
            [(m.account_id, m.state, m.note) for m in lists.members(name)] for name in ("First", "Second")
        )
        assert second == first
        assert second[1] == ("creator.2", "agreed", "=1+1; \u20ac 500")
        for name in ("First", "Second"):
            pages.post(f"/lists/{name}", {"action": "delete"})


@pytest.mark.parametrize(
    ("name", "content", "line"),
    [
        ("empty.csv", b"", "no file was chosen, or it is empty"),
        ("nobody.csv", b"handle,state\n,\n", "nobody.csv: there are no handles in it"),
        ("states.csv", b"handle;state\ncreator.1;maybe\n", "states.csv, row 2: state &#39;maybe&#39; is none"),
        ("strangers.csv", b"a\nb\n", "snapshot 2024-04-29 has none of these 2 handles"),
        ("many.csv", b"\n".join(b"h%d" % n for n in range(2_001)), "it has 2,001 handles, and a list holds at most"),
        ("large.csv", b"x" * 2_100_000, "the form is larger than 2,000 kB"),
        ("damaged.xlsx", b"PK\x03\x04 and no more", "damaged.xlsx: the workbook is damaged"),
        ("picture.csv", b"\x89PNG\r\n\x1a\n\0\0", "picture.csv: this is neither a CSV file nor a workbook"),
        ("<b>\u202e.csv", b"", "no file was chosen"),
        ("old.xls", b"\xd0\xcf\x11\xe0\0\0", "old.xls: this is neither a CSV file nor a workbook"),
    ],
)
def test_a_file_that_is_no_list_is_named_and_changes_nothing(
    pages: Pages, name: str, content: bytes, line: str
) -> None:
    pages.post("/lists", {"name": "Strict"})
    answer = pages.upload("/lists/Strict/upload", name, content)
    assert answer.status_code == 400
    assert line in answer.text
    assert "What to do:" in answer.text
    assert Lists(pages.home / "explorer" / "lists.sqlite").members("Strict") == []
    pages.post("/lists/Strict", {"action": "delete"})


def test_handles_are_read_as_people_keep_them(pages: Pages) -> None:
    pages.post("/lists", {"name": "Kept"})
    texts = (
        b"creator.1\r\n@creator.2\r\nhttps://www.tiktok.com/@creator.3?lang=en\r\n\r\ncreator.1\r\n",
        "\ufeffName;Username\nEve;creator.4\n".encode(),
        "Handle\tNote\ncreator.5\tcaf\u00e9".encode("utf-16"),
        xlsx([["Handle"], ["@creator.6"]]),
        xlsx([["creator.7"], ["creator.8"]]),
    )
    for content in texts:
        assert pages.upload("/lists/Kept/upload", "kept", content).status_code == 303
    members = Lists(pages.home / "explorer" / "lists.sqlite").members("Kept")
    assert sorted(member.account_id for member in members) == [f"creator.{number}" for number in range(1, 9)]
    assert {member.note for member in members} == {"", "caf\u00e9"}
    pages.post("/lists/Kept", {"action": "delete"})


def test_a_foreign_upload_is_refused(pages: Pages) -> None:
    assert pages.upload("/lists/Kept/upload", "a.csv", b"creator.1", token="guessed").status_code == 400
    assert pages.post("/lists/Kept/upload", {"file": "creator.1"}).status_code == 400
    assert pages.upload("/lists/nothing/upload", "a.csv", b"creator.1").status_code == 404


def test_a_damaged_and_a_locked_file_of_lists_are_pages(
    pages: Pages, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "published").symlink_to(pages.home / "published")
    monkeypatch.setattr("tiktok_pipeline.explorer.lists._WAIT_SECONDS", 0.05)
    other = Pages(tmp_path)
    lists = Lists(tmp_path / "explorer" / "lists.sqlite")
    lists.create("Spring")
    with contextlib.closing(sqlite3.connect(lists.path, isolation_level=None)) as holder:
        holder.execute("begin exclusive")
        locked = other.get("/lists")
        assert (locked.status_code, "another program has it open" in locked.text) == (400, True)
        assert "close that program" in locked.text
    lists.path.write_bytes(b"no database" * 100)
    for address in ("/lists", "/lists/Spring", "/", "/creator/creator.1"):
        damaged = other.get(address)
        assert "cannot be used" in damaged.text
        assert "take it from a backup" in damaged.text


def test_the_shortlist_stays_in_the_budget(pages: Pages) -> None:
    text = pages.get("/shortlist?budget=10&rate=1&followers_max=3000").text
    assert "No set within the budget has more." in text
    assert "type a fee per 1,000 followers" in pages.get("/shortlist?budget=10").text
    assert "Budget: expected a number" in pages.get("/shortlist?budget=much").text
    assert "has more and is more like the others" in pages.get("/shortlist?budget=20&rate=1&diversity=90").text


def test_without_a_file_with_another_version_and_with_none_of_its_tables(tmp_path: Path) -> None:
    pages = Pages(tmp_path)
    missing = pages.get("/")
    assert missing.status_code == 503
    assert "there is no published file" in missing.text
    assert "tiktok-pipeline refresh FILE" in missing.text
    file = tmp_path / "published" / "tiktok.duckdb"
    file.parent.mkdir()
    file.write_bytes(b"no database")
    assert "tiktok-pipeline restore DIR" in pages.get("/").text
    for version, advice in ((3, "refresh --all"), (99, "install the version of the program that wrote it")):
        draft = tmp_path / f"{version}.duckdb"
        with duckdb.connect(str(draft)) as database:
            database.execute(f"create schema meta; create table meta.version as select {version} as version")
        draft.replace(file)
        assert advice in pages.get("/").text


def test_a_file_that_is_replaced_while_it_is_served_shows_at_once(tmp_path: Path) -> None:
    file = write_published(tmp_path / "old", [profile(number) for number in range(40)])
    other = write_published(tmp_path / "new", [profile(number) for number in range(60)], snapshot="2024-05-01")
    pages = Pages(tmp_path / "old")
    assert "40 in snapshot 2024-04-29" in pages.get("/").text
    other.replace(file)
    assert "60 in snapshot 2024-05-01" in pages.get("/").text
    file.unlink()
    gone = pages.get("/")
    assert (gone.status_code, "there is no published file" in gone.text) == (503, True)


def test_without_a_study_and_with_one_snapshot_the_pages_say_so(tmp_path: Path) -> None:
    write_published(tmp_path, [profile(number) for number in range(40)], has_study=False)
    pages = Pages(tmp_path)
    for address in ("/?q=cooks", "/creator/creator.3", "/compare?id=creator.1", "/benchmarks", "/notices", "/about"):
        assert pages.get(address).status_code == 200
    found = pages.get("/").text
    assert 'name="persona"' not in found
    assert 'href="/personas"' not in found
    refused = pages.get("/personas")
    assert (refused.status_code, "run `tiktok-pipeline refresh --all`" in refused.text) == (404, True)
    card = pages.get("/creator/creator.3").text
    assert "There is one snapshot of this creator. A second scrape shows a trend." in card
    assert "Who is alike?" not in card
    assert "needs at least 200 creators" in pages.get("/notices").text
    file = pages.get("/export.csv").text
    assert "persona" not in file.splitlines()[0]


@pytest.mark.slow
@pytest.mark.parametrize(
    "damage", ["drop table creators.history", "delete from creators.history where snapshot < '2024-04'"]
)
def test_snapshots_of_an_earlier_program_without_the_history_are_on_the_card(tmp_path: Path, damage: str) -> None:
    rows = [profile(number) for number in range(30)]
    file = write_published(tmp_path, rows, also={"2024-03-01": rows})
    file.chmod(0o600)
    with duckdb.connect(str(file)) as database:
        database.execute(damage)
    card = Pages(tmp_path).get("/creator/creator.4")
    assert card.status_code == 200
    assert re.findall(r'<th scope="row">(2024-0\d-\d\d)</th>', card.text) == ["2024-03-01", "2024-04-29"]


def test_a_shortlist_weighs_who_fits_the_budget_and_whose_fee_is_known(pages: Pages) -> None:
    """At 10 for 1,000 followers a budget of 11 pays for 1,100: creators 0 to 10. The fee of creator 449 is typed."""
    text = pages.get("/shortlist?budget=11&rate=10&most=50&fees=creator.449 1").text
    assert "of 12 creators for" in text
    assert "creator.449" in cells(text)
    assert "Nobody fits into the budget: the lowest fee is higher." in pages.get("/shortlist?budget=1&rate=10").text


def test_another_study_is_shown_by_its_view(pages: Pages) -> None:
    assert "balanced_segments" in Pages(pages.home, study="nothing").get("/personas").text
