"""The synthetic scrapes: same seed, same bytes; real columns; a few flaws; creators change between snapshots."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tiktok_pipeline.sample import creators, flaws, write_sample
from tiktok_pipeline.sample.rows import COLUMNS, PUBLIC, VENDOR

REPOSITORY = Path(__file__).resolve().parents[2]
COMMITTED = REPOSITORY / "data" / "sample"
SMALL: dict[str, Any] = {"profiles": 600, "snapshots": 2, "random_state": 3}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return write_sample(tmp_path_factory.mktemp("sample"), **SMALL)


def rows_of(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))))


def good_rows(path: Path) -> pd.DataFrame:
    """Rows whose numbers can all be read, with those columns as numbers."""
    frame = pd.DataFrame([row for row in rows_of(path) if None not in row and None not in row.values()])
    numeric = [
        "followers",
        "following",
        "likes",
        "videos_count",
        *(name for name in COLUMNS[PUBLIC] if "engagement" in name),
    ]
    frame[numeric] = frame[numeric].apply(pd.to_numeric, errors="coerce")
    return frame.dropna(subset=numeric).query("followers > 0 and like_engagement_rate >= 0 and account_id != ''")


def test_names_and_temporary_files(written: list[Path]) -> None:
    assert [path.name for path in written] == [
        "profiles_2024-03-04.csv",
        "profiles_2024-04-01.csv",
        "creator_activity_2024-04-01.csv",
    ]
    assert sorted(path.name for path in written[0].parent.iterdir()) == sorted(path.name for path in written)


def test_the_same_seed_gives_the_same_bytes(written: list[Path], tmp_path: Path) -> None:
    again = write_sample(tmp_path / "again", **SMALL)
    other = write_sample(tmp_path / "other", **{**SMALL, "random_state": 4})
    assert [one.read_bytes() for one in written] == [one.read_bytes() for one in again]
    assert written[0].read_bytes() != other[0].read_bytes()


def test_a_creator_does_not_depend_on_how_many_others_there_are() -> None:
    few = creators.block_at(0, profiles=100, snapshot=0, random_state=5)
    many = creators.block_at(0, profiles=70_000, snapshot=0, random_state=5)
    for name, column in {**vars(few), **vars(few.rhythm)}.items():
        if name != "rhythm":
            whole = getattr(many, name) if hasattr(many, name) else getattr(many.rhythm, name)
            np.testing.assert_array_equal(column, whole[:100], err_msg=name)


def test_blocks_go_on_without_gap() -> None:
    numbers = [creators.block_at(place, profiles=70_000, snapshot=0, random_state=5).number for place in range(2)]
    assert len(numbers) == 2
    np.testing.assert_array_equal(np.concatenate(numbers), np.arange(70_000))


def test_every_cell_is_quoted_and_the_columns_are_the_real_ones(written: list[Path]) -> None:
    lines = written[0].read_text(encoding="utf-8").splitlines()
    assert lines[0] == ",".join(f'"{name}"' for name in COLUMNS[PUBLIC])
    assert all(line.startswith('"') for line in lines if line[:3] == '"20')


def test_rates_add_up_on_good_rows(written: list[Path]) -> None:
    good = good_rows(written[0])
    gap = good["awg_engagement_rate"] - good["comment_engagement_rate"] - good["like_engagement_rate"]
    assert gap.abs().max() < 1e-12


def test_ids_are_unique_and_stay_when_a_handle_changes(tmp_path: Path) -> None:
    first, _, third, _ = write_sample(tmp_path, profiles=3_000, snapshots=3, random_state=9)
    before, after = good_rows(first).drop_duplicates("id"), good_rows(third).drop_duplicates("id")
    both = before.merge(after, on="id", suffixes=("", "_after"))
    renamed = (both["account_id"] != both["account_id_after"]).mean()
    assert 0.006 < renamed < 0.02
    assert before["account_id"].is_unique
    assert before["id"].str.fullmatch("[0-9]{19}").all()
    left, joined = len(before) - len(both), len(after) - len(both)
    assert 0.04 < left / len(before) < 0.15
    assert 0.05 < joined / len(before) < 0.16


def test_all_numbers_of_a_creator_change_and_some_fall(tmp_path: Path) -> None:
    first, second = write_sample(tmp_path, profiles=3_000, snapshots=2, random_state=9, activity=0)
    before, after = good_rows(first).drop_duplicates("id"), good_rows(second).drop_duplicates("id")
    both = before.merge(after, on="id", suffixes=("", "_after"))
    share = {
        name: ((both[f"{name}_after"] < both[name]).mean(), (both[f"{name}_after"] > both[name]).mean())
        for name in ("followers", "following", "likes", "videos_count")
    }
    fell, grew = share["followers"]
    assert 0.2 < fell < 0.4
    assert 0.4 < grew < 0.7
    assert min(share["following"]) > 0.1
    assert share["likes"][1] > 0.5
    assert share["videos_count"][1] > 0.2
    assert max(share["likes"][0], share["videos_count"][0]) < 0.01  # flaws only


def test_flaws_are_there_and_few(written: list[Path]) -> None:
    rows = rows_of(written[0])
    bad = [row for row in rows if None in row or None in row.values() or row["account_id"] in ("", "account_id")]
    assert len(bad) >= 3
    spoiled = len(rows) - len(good_rows(written[0]))
    assert 3 <= spoiled <= 0.04 * len(rows)


def test_every_kind_of_flaw_comes_up(tmp_path: Path) -> None:
    table = pq.read_table(
        write_sample(tmp_path, profiles=20_000, snapshots=1, random_state=2, file_format="parquet")[0]
    )
    frame = table.to_pandas()
    share = (frame["timestamp"] == "2024-02-31").mean()
    assert 0.0005 < share < 0.0025
    for name, pattern in (
        ("followers", r"-[0-9]+"),
        ("followers", "n/a"),
        ("followers", "[0-9]+K"),
        ("likes", r"[0-9]{1,3},[0-9]{3}"),
        ("likes", "12345678901234567890"),
        ("account_id", ""),
        ("like_engagement_rate", "-.*"),
        ("is_verified", "maybe"),
        ("videos_count", ""),
    ):
        assert frame[name].str.fullmatch(pattern).any(), (name, pattern)
    assert frame.duplicated("id").sum() > 10


def test_readable_short_forms_keep_the_size_of_the_figure() -> None:
    figures = pa.array(["999", "1234", "123456", "1234567"])
    assert flaws._short(figures).to_pylist() == ["999", "1K", "123K", "1234K"]
    assert flaws._grouped(figures).to_pylist() == ["999", "1,234", "123,456", "1234567"]


def test_formats_hold_the_same_profiles(written: list[Path], tmp_path: Path) -> None:
    parquet = write_sample(tmp_path / "p", **SMALL, file_format="parquet")[0]
    packed = write_sample(tmp_path / "g", **SMALL, file_format="csv.gz")[0]
    table = pq.read_table(parquet).to_pandas()
    lines = pd.read_csv(packed, dtype=str, keep_default_na=False, on_bad_lines="skip")
    lines = lines[
        lines["followers"].notna() & (lines["account_id"] != "account_id") & (lines["account_id"] != "cut.off_1")
    ]
    assert list(table["account_id"]) == list(lines["account_id"])
    assert list(table["biography"]) == list(lines["biography"])
    assert packed.read_bytes()[4:8] == b"\0\0\0\0"  # no time of writing, so the same bytes tomorrow


def test_typed_parquet_holds_the_values_of_the_texts(tmp_path: Path) -> None:
    texts = pq.read_table(write_sample(tmp_path / "a", **SMALL, file_format="parquet")[0])
    typed = pq.read_table(write_sample(tmp_path / "b", **SMALL, file_format="typed.parquet")[0])
    assert typed.column_names == texts.column_names
    assert typed.num_rows == texts.num_rows
    assert {str(typed.schema.field(name).type) for name in ("followers", "likes")} == {"int64"}
    assert str(typed.schema.field("timestamp").type) == "timestamp[us]"
    assert str(typed.schema.field("awg_engagement_rate").type) == "double"
    assert str(typed.schema.field("is_verified").type) == "bool"
    pairs = zip(texts["followers"].to_pylist(), typed["followers"].to_pylist(), strict=True)
    assert all(value == (int(text) if re.fullmatch("-?[0-9]+", text) else None) for text, value in pairs)
    days = zip(texts["timestamp"].to_pylist(), typed["timestamp"].to_pylist(), strict=True)
    assert all(text in (str(time)[:10], "2024-02-31") for text, time in days)
    assert typed["account_id"] == texts["account_id"]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"file_format": "xlsx"}, "format 'xlsx': expected one of csv, csv.gz, parquet"),
        ({"dialect": "tracker"}, "dialect 'tracker': expected one of public_csv, vendor_export"),
        ({"truth": Path("truth.json")}, "ending of the truth '.json': expected one of .csv, .parquet"),
    ],
)
def test_unknown_choices_are_refused(wrong: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        write_sample(tmp_path / "out", **SMALL, **wrong)
    assert not (tmp_path / "out").exists()


def listed(cells: pd.Series) -> pd.Series:
    """Return the number of links in each cell."""
    return cells.str.count("/video/")


def test_links_are_listed_as_in_a_real_scrape(tmp_path: Path) -> None:
    """Of the real profiles half list 35 videos, 5 % at most 2, and a quarter at most 17."""
    (path,) = write_sample(tmp_path, profiles=3_000, snapshots=1, random_state=1, activity=0, top_videos=35)
    counts = listed(good_rows(path)["top_videos"])
    assert counts.max() == 35
    assert (counts == 35).mean() == pytest.approx(0.5, abs=0.05)
    assert counts.quantile(0.05) <= 3
    assert counts.quantile(0.25) == pytest.approx(17, abs=8)


def test_fewer_links_are_the_newest_of_the_list(tmp_path: Path) -> None:
    settings: dict[str, Any] = {**SMALL, "snapshots": 1, "activity": 0}
    (few,) = write_sample(tmp_path / "few", **settings)
    (many,) = write_sample(tmp_path / "many", **settings, top_videos=35)
    for short, long in zip(good_rows(few)["top_videos"], good_rows(many)["top_videos"], strict=True):
        assert long.startswith(short)
        assert 1 <= short.count("/video/") <= 4


def test_the_vendors_dialect_has_language_region_and_videos_with_counts(tmp_path: Path) -> None:
    settings: dict[str, Any] = {**SMALL, "snapshots": 1, "activity": 0}
    (public,) = write_sample(tmp_path / "public", **settings)
    (vendor,) = write_sample(tmp_path / "vendor", **settings, dialect=VENDOR)
    rows, same = good_rows(vendor), good_rows(public)
    shared = [name for name in COLUMNS[PUBLIC] if name not in {"top_videos", "create_time"}]
    pd.testing.assert_frame_equal(rows[shared], same[shared])
    assert rows["predicted_lang"].nunique() > 8
    assert 0.3 < (rows["predicted_lang"] == "en").mean() < 0.5
    opening = rows["biography"].str[0].map(ord)
    for language, low, high in (
        ("he", 0x590, 0x5FF),
        ("ar", 0x600, 0x6FF),
        ("hi", 0x900, 0x97F),
        ("th", 0xE00, 0xE7F),
    ):
        written = rows.loc[opening.between(low, high), "predicted_lang"]
        assert len(written) > 5
        assert set(written) <= {language, "null"}
    assert set(rows.loc[rows["predicted_lang"] == "ja", "region"]) <= {"JP", "null"}
    assert {"SA", "EG", "AE"} <= set(rows.loc[rows["predicted_lang"] == "ar", "region"])
    assert 0.01 < (rows["region"] == "null").mean() < 0.08
    for created, number in zip(rows["create_time"], rows["id"], strict=True):
        assert pd.Timestamp(created).timestamp() == int(number) >> 32
    for links, text in zip(same["top_videos"], rows["top_videos"], strict=True):
        videos = json.loads(text)
        assert [video["video_url"] for video in videos] == links.split(",")
        for video in videos:
            assert video["video_url"].endswith(f"/video/{video['video_id']}")
            assert pd.Timestamp(video["create_date"]).timestamp() == int(video["video_id"]) >> 32
            assert video["playcount"] >= video["diggcount"] >= 0


def test_likes_of_the_videos_give_the_rate_of_the_creator(tmp_path: Path) -> None:
    (path,) = write_sample(
        tmp_path, profiles=2_000, snapshots=1, random_state=1, activity=0, dialect=VENDOR, top_videos=35
    )
    rows = good_rows(path).query("followers > 1000")
    likes = rows["top_videos"].map(lambda text: np.mean([video["diggcount"] for video in json.loads(text)]))
    ratio = likes / rows["followers"] / rows["like_engagement_rate"]
    assert ratio.median() == pytest.approx(0.9, abs=0.15)  # a mean of few lognormal values is mostly below its own


def rounded(path: Path) -> list[str]:
    """Return the lines of a file, each number with more than ten digits behind its point as a rounded one."""
    text = path.read_text(encoding="utf-8")
    return re.sub(r"\d\.\d{11,}", lambda found: f"{float(found[0]):.9f}", text).splitlines()


def test_committed_files_are_what_is_made_today(tmp_path: Path) -> None:
    made = write_sample(tmp_path, profiles=1500, snapshots=3, random_state=9)
    assert sorted(path.name for path in COMMITTED.iterdir()) == sorted(path.name for path in made)
    for path in made:
        # numpy's logarithms differ in the last bits between kinds of processors, and with them the rates.
        assert rounded(path) == rounded(COMMITTED / path.name), path.name
    assert sum(path.stat().st_size for path in COMMITTED.iterdir()) < 2_486_000


def test_texts_are_of_many_scripts() -> None:
    text = (COMMITTED / "profiles_2024-03-04.csv").read_text(encoding="utf-8")
    for low, high in (
        ("\u0400", "\u04ff"),
        ("\u0590", "\u05ff"),
        ("\u0600", "\u06ff"),
        ("\u0900", "\u097f"),
        ("\u4e00", "\u9fff"),
    ):
        assert any(low <= one <= high for one in text), (low, high)
    assert '""' in text
    assert "🔥" in text


def test_two_processes_write_the_same_bytes(tmp_path: Path) -> None:
    settings: dict[str, Any] = {
        "profiles": 70_000,
        "snapshots": 1,
        "random_state": 3,
        "activity": 0,
        "file_format": "parquet",
    }
    (one,) = write_sample(tmp_path / "one", **settings)
    (two,) = write_sample(tmp_path / "two", **settings, processes=2)
    assert one.read_bytes() == two.read_bytes()


def test_the_truth_does_not_change_the_scrapes(written: list[Path], tmp_path: Path) -> None:
    *files, truth = write_sample(tmp_path / "out", **SMALL, truth=tmp_path / "true" / "truth.csv")
    assert [file.read_bytes() for file in files] == [file.read_bytes() for file in written]
    assert truth == tmp_path / "true" / "truth.csv"
    assert [file.name for file in truth.parent.iterdir()] == ["truth.csv"]
