"""A dialect file is read whole, or refused with its line and field."""

from __future__ import annotations

from pathlib import Path

import pytest

from tiktok_pipeline.raw.dialects import (
    DIALECTS,
    Dialect,
    DialectFileError,
    UnknownDialectError,
    load_dialects,
    recognize,
)
from tiktok_pipeline.raw.dialects.column_names import column_key
from tiktok_pipeline.raw.dialects.load import load_dialect
from tiktok_pipeline.raw.schema import CREATOR_ACTIVITY

AGENCY = """\
name = "agency_sheet"
description = "the weekly sheet"

[columns]
account_id = "Who"
followers = ["How many", "Crowd"]
avg_engagement_rate = "Buzz"

[units]
avg_engagement_rate = "percent"
"""


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_dialect_of_the_user_is_used_before_the_list_of_names(tmp_path: Path) -> None:
    write(tmp_path, "agency.toml", AGENCY)
    loaded = load_dialects(tmp_path)
    assert loaded.errors == ()
    recognition = recognize(["WHO", "crowd", "Buzz", "Likes"], file="f.csv", dialects=loaded.dialects)
    assert recognition.dialect == "agency_sheet"
    assert recognition.columns == {"account_id": "WHO", "followers": "crowd", "avg_engagement_rate": "Buzz"}
    assert recognition.units == {"avg_engagement_rate": "percent"}
    assert recognition.unused == ("Likes",)


def test_a_dialect_of_the_user_wins_a_tie_with_a_shipped_one(tmp_path: Path) -> None:
    write(tmp_path, "own.toml", 'name = "own"\n[columns]\naccount_id = "username"\nfollowers = "total_likes"\n'
          'likes = "followers"\nfollowing = "following"\nbio_link = "bioLink"\nvideos_count = "total_videos"\n'
          'biography = "signature"\n')  # fmt: skip
    header = ["username", "signature", "bioLink", "followers", "following", "total_likes", "total_videos"]
    recognition = recognize(header, file="f.csv", dialects=load_dialects(tmp_path).dialects)
    assert (recognition.dialect, recognition.columns["followers"]) == ("own", "total_likes")


def test_two_dialects_of_the_user_never_tie_silently(tmp_path: Path) -> None:
    write(tmp_path, "a.toml", 'name = "a"\n[columns]\naccount_id = "Who"\nfollowers = "Crowd"\n')
    write(tmp_path, "b.toml", 'name = "b"\n[columns]\naccount_id = "Crowd"\nfollowers = "Who"\n')
    dialects = load_dialects(tmp_path).dialects
    with pytest.raises(
        UnknownDialectError, match=r"^f.csv: the dialects a and b fit equally well and read its columns diff"
    ):
        recognize(["Who", "Crowd"], file="f.csv", dialects=dialects)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name = \n", "d.toml, line 1: no valid TOML"),
        ('name = "x"\n[columns\n', "d.toml, line 2: no valid TOML"),
        ('[columns]\naccount_id = "a"\n', "d.toml, line 1: name must be a text"),
        ('name = "My Sheet"\n', "d.toml, line 1: name must have lower-case letters"),
        ('name = "x"\nsource = "posts"\n', "d.toml, line 2: source must be one of profiles, creator_activity"),
        ('name = "x"\nshade = "red"\n', "d.toml, line 2: shade is not known; the fields are: name, description"),
        ('name = "x"\n[columns]\nfollowerz = "a"\n', "d.toml, line 3: columns.followerz is not a column"),
        ('name = "x"\n[columns]\naccount_id = 3\n', "d.toml, line 3: columns.account_id must be a column name"),
        ('name = "x"\n[columns]\naccount_id = "!"\n', "d.toml, line 3: columns.account_id must be a column name"),
        ('name = "x"\n[columns]\naccount_id = "a"\n', "d.toml, line 2: columns must name followers"),
        ('name = "x"\n[columns]\nfollowers = "a"\n', "d.toml, line 2: columns must name account_id or url or"),
        (
            'name = "x"\n[columns]\naccount_id = "A_b"\nfollowers = "ab"\n',
            "d.toml, line 4: columns.followers 'ab' is also the name of account_id",
        ),
        (AGENCY.replace('"percent"', '"promille"'), "d.toml, line 10: units.avg_engagement_rate must be fraction or"),
        (AGENCY + 'followers = "percent"\n', "d.toml, line 11: units.followers has no unit"),
        ('dates = "us"\n' + AGENCY, "d.toml, line 1: dates must be day-first or month-first"),
        ('typical = [1]\n' + AGENCY, "d.toml, line 1: typical must be a column name"),
        ('recognized_by = "a"\n' + AGENCY, "d.toml, line 1: recognized_by must be a list"),
        ('generic = true\n' + AGENCY, "d.toml, line 1: generic is not known"),
        (AGENCY.replace("agency_sheet", "tracker"), "d.toml, line 1: name tracker is the name of another dialect"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_line_and_field(tmp_path: Path, text: str, message: str) -> None:
    write(tmp_path, "d.toml", text)
    loaded = load_dialects(tmp_path, reserved={"tracker"})
    assert loaded.dialects == ()
    (error,) = loaded.errors
    assert str(error).startswith(message)
    assert "\n" not in str(error)


def test_the_other_files_are_read_after_a_mistake(tmp_path: Path) -> None:
    write(tmp_path, "a.toml", "name = ")
    write(tmp_path, "b.toml", AGENCY)
    (tmp_path / "c.toml").write_bytes(b"\xff\xfe")
    write(tmp_path, "d.toml", AGENCY)
    loaded = load_dialects(tmp_path)
    assert [dialect.name for dialect in loaded.dialects] == ["agency_sheet"]
    assert [str(error).partition(",")[0].partition(":")[0] for error in loaded.errors] == [
        "a.toml",
        "c.toml",
        "d.toml",
    ]


def test_a_hostile_name_cannot_control_a_terminal(tmp_path: Path) -> None:
    path = write(tmp_path, "d.toml", 'name = "x"\n"\\u001b[31mred" = 1\n')
    with pytest.raises(DialectFileError) as caught:
        load_dialect(path, is_shipped=False)
    assert str(caught.value).isprintable()


def test_a_home_without_dialects_has_none(tmp_path: Path) -> None:
    assert load_dialects(tmp_path / "dialects").dialects == ()


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
def test_a_shipped_dialect_maps_a_column_by_its_own_names(dialect: Dialect) -> None:
    header = [names[0] for names in dialect.columns.values()]
    assert {canonical: columns[0] for canonical, columns in dialect.resolve(header).items()} == {
        canonical: names[0] for canonical, names in dialect.columns.items()
    }
    keys = {column_key(name) for names in dialect.columns.values() for name in names}
    assert not keys & {column_key(name) for name in dialect.typical}


def test_only_the_list_of_names_is_generic() -> None:
    assert [dialect.name for dialect in DIALECTS if dialect.is_generic] == ["tracker"]
    assert [dialect.name for dialect in DIALECTS if dialect.source == CREATOR_ACTIVITY] == ["activity_csv"]
