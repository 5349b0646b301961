"""Items of an Apify actor become profiles and videos."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import pytest

from tiktok_pipeline.delivery.apify import split_items
from tiktok_pipeline.delivery.tables import DeliveredTable, Layout, Record

COLUMNS = {"account_id": "authorMeta.name", "tiktok_id": "authorMeta.id", "followers": "authorMeta.fans"}
HEADER = ("id", "text", "playCount", "diggCount", "commentCount", *COLUMNS.values(), "authorMeta.heart")


def table(items: Sequence[Mapping[str, str] | str], header: tuple[str, ...] = HEADER) -> DeliveredTable:
    """Return a table of items; a text is the problem of a damaged one."""

    def read() -> Iterator[Record]:
        for row, item in enumerate(items, start=1):
            if isinstance(item, str):
                yield Record(row, row, (None,) * len(header), item)
            else:
                yield Record(row, row, tuple(item.get(name) for name in header))

    return DeliveredTable(name="items.json", layout=Layout(container="json"), header=header, read=read, n_records=9)


def item(author: str, video: str, likes: str, comments: str, fans: str = "100") -> dict[str, str]:
    """Return an item."""
    return {
        "id": video,
        "text": "hi",
        "playCount": "5",
        "diggCount": likes,
        "commentCount": comments,
        "authorMeta.name": author,
        "authorMeta.fans": fans,
    }


def rows_of(table: DeliveredTable) -> list[dict[str, str | None]]:
    """Return the records by column name."""
    return [dict(zip(table.header, record.cells, strict=True)) for record in table.records()]


def test_the_last_item_of_an_author_is_the_profile() -> None:
    items = [item("ann", "1", "10", "2", fans="90"), item("ben", "2", "1", "0"), item("Ann", "3", "30", "4")]
    profiles = split_items(table(items), COLUMNS).profiles
    ben, ann = rows_of(profiles)
    assert [record.row for record in profiles.records()] == [1, 2]
    assert (ann["authorMeta.name"], ann["authorMeta.fans"]) == ("Ann", "100")
    assert [float(ann[f"{name}_engagement_rate"] or 0) for name in ("avg", "comment", "like")] == pytest.approx(
        [0.23, 0.03, 0.2]
    )
    assert float(ben["like_engagement_rate"] or 0) == 0.01


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        (("true", "false"), "true"),
        (("false", "True"), "True"),
        ((None, "no"), "no"),
        (("perhaps", ""), "perhaps"),
        (("false", "0"), "0"),
    ],
)
def test_one_item_of_a_person_under_age_flags_the_profile(flags: tuple[str | None, ...], expected: str) -> None:
    name = "authorMeta.isUnderAge18"
    items = [item("ann", str(place), "1", "1") | {name: flag} for place, flag in enumerate(flags) if flag is not None]
    items += [item("ann", "9", "1", "1")] if None in flags else []
    ordered = items[::-1] if None in flags else items
    (profile,) = rows_of(split_items(table(ordered, (*HEADER, name)), {**COLUMNS, "is_under_age": name}).profiles)
    assert profile[name] == expected


def test_the_items_are_the_videos_under_canonical_names() -> None:
    videos = split_items(table([item("ann", "1", "10", "2"), item("ben", "2", "1", "0")]), COLUMNS).videos
    assert videos.header == ("account_id", "tiktok_id", "video_id", "plays", "likes", "comments", "text")
    assert [record.cells for record in videos.records()] == [
        ("ann", None, "1", "5", "10", "2", "hi"),
        ("ben", None, "2", "5", "1", "0", "hi"),
    ]
    assert (videos.plain_format, videos.n_records) == (None, None)


def test_an_author_without_followers_or_counts_has_no_rates() -> None:
    items = [item("ann", "1", "10", "2", fans="0"), item("ben", "2", "-1", "x"), {"authorMeta.name": "cat"}]
    for row in rows_of(split_items(table(items), COLUMNS).profiles):
        assert row["avg_engagement_rate"] is None


def test_damaged_and_nameless_items_are_kept_as_profiles_to_reject() -> None:
    split = split_items(table(["broken", item("ann", "1", "1", "1"), {"text": "no author"}]), COLUMNS)
    assert [record.problem for record in split.profiles.records()] == ["broken", None, None]
    assert [record.line for record in split.profiles.records()] == [1, 2, 3]
    assert len(rows_of(split.videos)) == 1


def test_an_item_without_a_video_is_a_profile_alone() -> None:
    split = split_items(table([{"authorMeta.name": "ann", "authorMeta.fans": "5"}]), COLUMNS)
    assert (len(rows_of(split.profiles)), len(rows_of(split.videos))) == (1, 0)


def test_the_export_as_csv_has_the_same_columns_with_slashes() -> None:
    header = tuple(name.replace(".", "/") for name in HEADER)
    columns = {canonical: name.replace(".", "/") for canonical, name in COLUMNS.items()}
    items = [{name.replace(".", "/"): cell for name, cell in item("ann", "1", "10", "2").items()}]
    split = split_items(table(items, header), columns)
    assert split.profiles.header[:4] == ("authorMeta/name", "authorMeta/id", "authorMeta/fans", "authorMeta/heart")
    assert split.videos.header[-1] == "text"
