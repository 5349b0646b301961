"""Dialects are recognized by their columns; what fits none is refused in one line that helps."""

from __future__ import annotations

import random
import string
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiktok_pipeline.raw.dialects import DIALECTS, Dialect, UnknownDialectError, is_known_name, recognize
from tiktok_pipeline.raw.dialects.dialect import COUNTS, CompetingColumnsError
from tiktok_pipeline.raw.dialects.messages import competing_columns_error
from tiktok_pipeline.raw.dialects.name_units import is_count_name, named_unit
from tiktok_pipeline.raw.schema import PROFILES
from tiktok_pipeline_tests.raw.dialects.headers import (
    ACTIVITY,
    APIFY_ITEMS,
    DIALECT_HEADERS,
    PUBLIC,
    REQUIRED,
    RESEARCH_API,
    RESEARCH_REPLY,
    TRACKER,
    USER_DETAIL,
    VENDOR,
)


def test_every_shipped_dialect_has_a_header_here() -> None:
    assert sorted(DIALECT_HEADERS) == [dialect.name for dialect in DIALECTS]


@pytest.mark.parametrize(
    ("header", "name"),
    [
        *((header, name) for name, header in DIALECT_HEADERS.items()),
        ([*VENDOR, "timestamp"], "vendor_export"),
        ([*VENDOR, "input.url", "error", "error_code", "warning", "warning_code"], "vendor_export"),
        ([*RESEARCH_API, "avatar_url"], "research_api"),
        ([name for name in RESEARCH_API if name != "bio_url"], "research_api"),
        (RESEARCH_REPLY, "research_api"),
        ([*ACTIVITY, "remark"], "activity_csv"),
        (REQUIRED, "public_csv"),
        (["url", *REQUIRED[1:]], "public_csv"),
        ([*REQUIRED, "predicted_lang"], "vendor_export"),
        ([*PUBLIC, "my own column", "my own column"], "public_csv"),
        (["username", "followers"], "tracker"),
        (["@Username", "Fans"], "tracker"),
        (["profile.username", "metrics.followers"], "tracker"),
        (["account_id", "is_verified", "timestamp", "stats.followers", "stats.following", "stats.likes"], "tracker"),
        (["Benutzername", "Follower", "Folge ich", "Gefällt mir", "Beiträge"], "tracker"),
        (["Nom d'utilisateur", "Abonnés", "Abonnements", "J’aime", "Vidéos"], "tracker"),
        (["Usuario", "Seguidores", "Siguiendo", "Me gusta"], "tracker"),
        (["Brugernavn", "Følgere", "Følger"], "tracker"),
        (["Имя пользователя", "Подписчики", "Подписки", "Лайки"], "tracker"),
        (["Nazwa użytkownika", "Obserwujący", "Obserwowani", "Polubienia"], "tracker"),
        (["Kullanıcı adı", "Takipçi", "Beğeni"], "tracker"),
        (["ユーザー名", "フォロワー数", "いいね数"], "tracker"),
        (["用户名", "粉丝数", "获赞数"], "tracker"),
        (["사용자 이름", "팔로워", "좋아요"], "tracker"),
        (["id", "createdTime", "fields.Handle", "fields.Followers", "fields.Link in bio"], "tracker"),
        (["user.unique_id", "user.follower_count", "user.total_favorited"], "tracker"),
        (["TikTok Handle", "Total number of TikTok followers", "likesCount"], "tracker"),
        (["Tiktoker name", "Subscribers count", "Views avg.", "Likes avg"], "tracker"),
    ],
)  # fmt: skip
def test_each_dialect_is_recognized(header: list[str], name: str) -> None:
    assert recognize(header, file="f.csv").dialect == name


@pytest.mark.parametrize(
    ("header", "likes"),
    [
        (["username", "followers", "likes", "videos"], "likes"),
        (["username", "followers", "likes", "comments"], "likes"),
        (["username", "followers", "total likes", "views", "comments", "shares"], "total likes"),
        (["username", "followers", "likes", "views", "comments", "shares"], None),
        (["username", "followers", "Likes", "Comments", "Saves"], None),
        (["channel.username", "channel.followers", "likes"], None),
        (["stats.followers", "stats.likes", "username"], "stats.likes"),
    ],
)
def test_the_likes_of_one_video_are_not_those_of_the_account(header: list[str], likes: str | None) -> None:
    recognition = recognize(header, file="f.csv")
    assert recognition.columns.get("likes") == likes
    assert any("the likes of one video; if not, add --map likes=" in note for note in recognition.notes) == (
        not likes
    )


def test_videos_are_counted_by_a_column_of_small_numbers_only() -> None:
    header = ["Nome utente", "Follower", "Video"]
    counts, links = [["a", "12", "310"], ["b", "5", "1.012"]], [["a", "12", "https://example.org/1"]]
    assert recognize(header, file="f.csv", sample=counts).columns.get("videos_count") == "Video"
    assert recognize(header, file="f.csv", sample=links).columns.get("videos_count") is None


def test_the_vendor_header_has_36_columns() -> None:
    assert len(VENDOR) == len(set(VENDOR)) == 36


def test_a_tracker_maps_its_columns() -> None:
    assert recognize([*TRACKER, "Engagement rate"], file="f.csv").columns == {
        "account_id": "Username",
        "biography": "Bio",
        "is_verified": "Verified",
        "followers": "Followers",
        "following": "Following",
        "likes": "Total likes",
        "videos_count": "Videos",
        "url": "Profile link",
    }


def test_an_engagement_rate_of_a_tracker_is_only_proposed() -> None:
    recognition = recognize([*TRACKER, "Engagement rate"], file="f.csv")
    assert recognition.unused == ("Engagement rate",)
    assert recognition.proposals["avg_engagement_rate"] == ("Engagement rate",)


def test_user_detail_is_read_by_path_and_large_counts_come_from_the_second_statistics() -> None:
    header = [*USER_DETAIL, "userInfo.statsV2.followerCount"]
    columns = recognize(header, file="f.json").columns
    assert columns["account_id"] == "userInfo.user.uniqueId"
    assert columns["tiktok_id"] == "userInfo.user.id"
    assert columns["followers"] == "userInfo.statsV2.followerCount"
    assert columns["likes"] == "userInfo.stats.heartCount"


def test_the_id_of_an_apify_item_is_no_id_of_the_account() -> None:
    recognition = recognize(APIFY_ITEMS, file="f.json")
    assert recognition.columns["tiktok_id"] == "authorMeta.id"
    assert recognition.transformation == "apify_items"
    assert "id" in recognition.unused


def test_a_dialect_is_completed_by_the_list_of_names() -> None:
    header = ["display name" if name == "nickname" else name for name in PUBLIC]
    recognition = recognize(header, file="f.csv")
    assert (recognition.dialect, recognition.columns["nickname"]) == ("public_csv", "display name")


PROFILE_DIALECTS = [dialect for dialect in DIALECTS if dialect.source == PROFILES]


@pytest.mark.parametrize("dialect", PROFILE_DIALECTS, ids=lambda dialect: dialect.name)
def test_likes_given_are_never_likes_received(dialect: Dialect) -> None:
    names = {name.rpartition(".")[2].lower() for names in dialect.columns.values() for name in names}
    assert not names & {"digg_count", "diggcount", "digg", "like_count"}


def test_likes_given_do_not_replace_likes() -> None:
    recognition = recognize([name for name in VENDOR if name != "likes"], file="f.csv")
    assert "likes" not in recognition.columns
    assert {"like_count", "digg_count"} <= set(recognition.unused)


@pytest.mark.parametrize(
    ("header", "sample", "columns"),
    [
        (["Creator", "Followers"], [["@ann", "1"], ["bob.b", "2"]], {"account_id": "Creator"}),
        (["Link", "Followers"], [["https://www.tiktok.com/@ann?lang=en", "1"]], {"url": "Link"}),
        (["Name", "Followers"], [["@ann", "1"], ["@bob", "2"]], {"account_id": "Name"}),
        (["id", "Followers"], [["6700000000000000000", "1"]], {"tiktok_id": "id"}),
    ],
)
def test_cells_settle_what_a_name_leaves_open(
    header: list[str], sample: list[list[str]], columns: dict[str, str]
) -> None:
    recognition = recognize(header, file="f.csv", sample=sample)
    assert recognition.columns == {**columns, "followers": "Followers"}
    assert any("its cells show it" in note for note in recognition.notes)


@pytest.mark.parametrize(
    ("header", "sample"),
    [
        (["Creator", "Followers"], [["Ann Bee", "1"]]),
        (["Name", "Followers"], [["ann", "1"]]),
        (["Creator", "Followers"], []),
        (["Creator", "User", "Followers"], [["ann", "ann", "1"]]),
        (["id", "Followers"], [["1", "1"]]),
    ],
)
def test_doubtful_identities_are_proposed_and_refused(header: list[str], sample: list[list[str]]) -> None:
    with pytest.raises(UnknownDialectError, match=r"--map \w+=\w+.* `tiktok-pipeline inspect f.csv`"):
        recognize(header, file="f.csv", sample=sample)


@pytest.mark.parametrize(
    "name", ["Avg likes", "Video", "Followers gained", "Likes given", "Total views", "Instagram followers"]
)
def test_other_counts_are_not_taken_for_those_of_the_profile(name: str) -> None:
    assert recognize(["username", "followers", name], file="f.csv").unused == (name,)


def test_a_column_of_row_numbers_is_no_id() -> None:
    recognition = recognize([*REQUIRED, "id"], file="f.csv", sample=[["ann", "1", "2", "3", "4", "1"]])
    assert "tiktok_id" not in recognition.columns
    assert any("row numbers" in note for note in recognition.notes)


def test_two_names_of_one_column_compete() -> None:
    recognition = recognize(["username", "Followers", "Fans", "bio", "description"], file="f.csv")
    assert recognition.competing == {"followers": ("Followers", "Fans")}
    assert recognition.columns["biography"] == "bio"
    assert recognition.notes == ("biography is read from bio, not from description",)


@pytest.mark.parametrize("twice", ["likes", "account_id", "biography", "timestamp"])
def test_a_repeated_column_competes_with_the_first(twice: str) -> None:
    recognition = recognize([*PUBLIC, twice], file="f.csv")
    assert list(recognition.competing.values()) == [(twice, f"{twice} (19)")]


def test_the_user_settles_what_competes() -> None:
    header = ["username", "Followers", "Fans"]
    recognition = recognize(header, file="f.csv", column_map={"followers": "fans"})
    assert (recognition.columns["followers"], recognition.competing) == ("Fans", {})
    assert recognition.unused == ("Followers",)


def test_the_user_maps_a_column_that_a_dialect_reads_as_another() -> None:
    recognition = recognize(TRACKER, file="f.csv", column_map={"nickname": "Username", "account_id": "Profile link"})
    assert recognition.columns["nickname"] == "Username"
    assert recognition.columns["account_id"] == "Profile link"
    assert "url" not in recognition.columns


@pytest.mark.parametrize(
    ("column_map", "message"),
    [
        (
            {"followers": "Fanz"},
            r"^f.csv: --map followers=Fanz: the file has no column Fanz; its columns are: Username, ",
        ),
        ({"engagement_index": "Bio"}, r"^f.csv: --map engagement_index=Bio: profiles have no such column; "),
    ],
)
def test_a_map_of_something_else_is_refused(column_map: dict[str, str], message: str) -> None:
    with pytest.raises(UnknownDialectError, match=message):
        recognize(TRACKER, file="f.csv", column_map=column_map)


@pytest.mark.parametrize(
    ("name", "power"),
    [
        ("Followers (millions)", 6),
        ("Followers (k)", 3),
        ("Followers [in thousands]", 3),
        ("followers_k", 3),
        ("followersInMillions", 6),
        ("Follower in Mio.", 6),
        ("Follower (Tsd.)", 3),
        ("Abonnés (en milliers)", 3),
        ("Подписчики, тыс.", 3),
        ("粉丝数（万）", 4),
        ("Followers ('000)", 3),
        ("Followers x1000", 3),
        ("Millions of followers", 6),
    ],
)
def test_the_unit_of_a_count_is_read_from_its_name(name: str, power: int) -> None:
    recognition = recognize(["username", name], file="f.csv")
    assert (recognition.columns["followers"], recognition.powers) == (name, {"followers": power})
    mapped = recognize(["username", "Reach (k)"], file="f.csv", column_map={"followers": "Reach (k)"})
    assert mapped.powers == {"followers": 3}


@pytest.mark.parametrize("name", ["Takipçi (B)", "Seguidores (mil)"])
def test_a_unit_of_two_meanings_is_refused(name: str) -> None:
    with pytest.raises(UnknownDialectError, match=r"may mean .* or, in .*; write thousand, million or billion"):
        recognize(["username", name], file="f.csv")


@pytest.mark.parametrize(
    "name",
    [
        *(
            "Followers %",
            "Followers (%)",
            "Followers +/-",
            "Followers (+)",
            "Followers ±",
            "Δ Followers",
            "Followers ↑",
        ),
        *("likes/followers", "videos/followers", "instagram.followers", "youtube/followers", "Ø Followers"),
    ],
)
def test_a_share_a_change_a_quotient_and_another_platform_are_no_followers(name: str) -> None:
    with pytest.raises(UnknownDialectError, match="cannot tell which column holds the followers"):
        recognize(["username", name], file="f.csv")


def test_the_object_of_the_platform_wins() -> None:
    header = ["username", "tiktok.followers", "instagram.followers"]
    assert recognize(header, file="f.csv").columns["followers"] == "tiktok.followers"


@pytest.mark.parametrize("dialect", DIALECTS, ids=[dialect.name for dialect in DIALECTS])
def test_no_known_name_of_a_count_has_a_unit(dialect: Dialect) -> None:
    names = [name for canonical in COUNTS for name in dialect.columns.get(canonical, ())]
    assert [name for name in names if named_unit(name) or not is_count_name(name)] == []


@pytest.mark.parametrize("name", ["avg engagement rate (‰)", "avg_engagement_rate (bps)"])
def test_a_rate_in_another_unit_is_refused(name: str) -> None:
    with pytest.raises(UnknownDialectError, match="neither a fraction nor a percentage; write its rates as percent"):
        recognize(["username", "followers", name], file="f.csv", column_map={"avg_engagement_rate": name})


def test_creators_side_by_side_are_refused_in_few_words() -> None:
    with pytest.raises(
        CompetingColumnsError, match=r"9 columns may each be account_id, .* side by side; export one row"
    ):
        raise competing_columns_error("account_id", [f"users.k{n}.username" for n in range(9)], "", file="f.json")


def test_a_time_in_utc_is_a_time() -> None:
    recognition = recognize(["username", "followers", "Scraped at (UTC)"], file="f.csv")
    assert recognition.columns["observed_on"] == "Scraped at (UTC)"


def test_a_rate_in_percent_is_known_by_its_name() -> None:
    recognition = recognize(["username", "followers", "avg engagement rate (%)"], file="f.csv")
    assert recognition.columns.get("avg_engagement_rate") == "avg engagement rate (%)"
    assert recognition.units == {"avg_engagement_rate": "percent"}


@pytest.mark.parametrize(
    ("header", "missing"),
    [
        (["name and surname", "Followers"], "the creator's handle, number or profile URL"),
        (["username", "posts"], "the followers"),
        (ACTIVITY[:2], "the creator's handle, number or profile URL and the followers"),
        ([name for name in RESEARCH_REPLY if name != "username"], "the creator's handle, number or profile URL"),
    ],
)
def test_a_refusal_names_what_is_missing_and_the_next_step(header: list[str], missing: str) -> None:
    with pytest.raises(UnknownDialectError) as caught:
        recognize(header, file="odd.csv")
    text = str(caught.value)
    assert text.startswith(f"odd.csv: cannot tell which column holds {missing}. Its columns are: ")
    assert text.endswith("`tiktok-pipeline inspect odd.csv` shows how to name them")


@pytest.mark.parametrize("header", [[], [""], ["two\nlines", "\x1b[31mred", "nul\x00"], ["x" * 5000] * 500])
def test_a_refusal_is_one_short_line_that_a_terminal_can_show(header: list[str]) -> None:
    with pytest.raises(UnknownDialectError) as caught:
        recognize(header, file="odd.csv")
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 3000


def respell(name: str, draw: random.Random) -> str:
    """Return a name as another program might write it."""
    letters = "".join(letter.upper() if draw.random() < 0.5 else letter.lower() for letter in name)
    spaced = letters.replace("_", draw.choice(["_", " ", "-", ""]))
    return draw.choice(["", " ", "\ufeff", "\u200b"]) + spaced + draw.choice(["", "\u00a0", " ", ":"])


@given(name=st.sampled_from(sorted(DIALECT_HEADERS)), seed=st.integers(0, 2**32))
def test_order_case_blanks_and_punctuation_do_not_change_the_mapping(name: str, seed: int) -> None:
    header = DIALECT_HEADERS[name]
    draw = random.Random(seed)
    spelled = {column: respell(column, draw) for column in header}
    shuffled = [spelled[column] for column in draw.sample(header, len(header))]
    expected = recognize(header, file="f.csv")
    recognition = recognize(shuffled, file="f.csv")
    assert recognition.dialect == expected.dialect == name
    assert recognition.columns == {canonical: spelled[column] for canonical, column in expected.columns.items()}


ALL_NAMES = sorted({name for header in DIALECT_HEADERS.values() for name in header})


@given(header=st.lists(st.sampled_from(ALL_NAMES), unique=True, max_size=25))
def test_a_mixture_of_columns_gives_one_mapping_or_a_refusal(header: list[str]) -> None:
    outcomes = {outcome_of(header), outcome_of(header[::-1]), outcome_of(sorted(header))}
    assert len(outcomes) == 1


def outcome_of(header: Sequence[str]) -> object:
    """Return what does not depend on the order of the columns."""
    try:
        recognition = recognize(header, file="f.csv")
    except UnknownDialectError:
        return "refused"
    certain = {name: column for name, column in recognition.columns.items() if name not in recognition.competing}
    free_texts = {name for name in certain if name in ("nickname", "biography", "bio_link", "language", "region")}
    columns = frozenset((name, column) for name, column in certain.items() if name not in free_texts)
    return recognition.dialect, columns, frozenset(recognition.competing)


@given(header=st.lists(st.text(alphabet=string.printable + "éø\u00a0\u200b\x00", max_size=12), max_size=12))
def test_any_header_is_recognized_or_refused(header: list[str]) -> None:
    try:
        recognition = recognize(header, file="f.csv")
    except UnknownDialectError:
        return
    assert recognition.source == PROFILES


@pytest.mark.parametrize("name", ["Followers", "ACCOUNT ID", "Spending_rank(0 to 100)", "userInfo.stats.heartCount"])
def test_names_of_dialects_are_known(name: str) -> None:
    assert is_known_name(name)


@pytest.mark.parametrize("name", ["Report of May", "", "invented000", "3912"])
def test_other_texts_are_no_known_names(name: str) -> None:
    assert not is_known_name(name)


NAMES_OF_PROFILE_DIALECTS = [shipped.name for shipped in DIALECTS if shipped.source is PROFILES]


FLAGS = [
    *("is_under_age_18", "IsUnderAge18", "Under 18", "user.isUnderAge18", "is minor", "userInfo_user_isUnderAge18"),
    *("user_isUnderAge18", "authorMeta_isUnderAge18", "user:isUnderAge18", "user_is_minor", "minor_flag"),
    *("under_age_18_flag", "is_under_18_years", "isUnderAge18 (bool)", "isUnderAge18.value"),
]


@pytest.mark.parametrize("column", FLAGS)
@pytest.mark.parametrize("name", NAMES_OF_PROFILE_DIALECTS)
def test_every_dialect_of_profiles_reads_the_flag_of_persons_under_age(name: str, column: str) -> None:
    recognition = recognize([*DIALECT_HEADERS[name], column], file="f.csv")
    assert recognition.columns["is_under_age"] in {column, "is_under_age_18"}


@pytest.mark.parametrize(
    "column", ["audience_under_18", "Audience under 18 (%)", "age", "minority", "is_under_review"]
)
def test_a_figure_of_the_audience_is_no_flag(column: str) -> None:
    recognition = recognize([*DIALECT_HEADERS["public_csv"], column], file="f.csv")
    assert "is_under_age" not in recognition.columns


@pytest.mark.parametrize("wrapper", ["_source", "node", "attributes"])
def test_an_object_around_every_record_is_no_part_of_a_name(wrapper: str) -> None:
    header = ["_id", *(f"{wrapper}.{name}" for name in ("id", "account_id", "followers", "timestamp"))]
    columns = recognize(header, file="x.json").columns
    assert columns["observed_on"] == f"{wrapper}.timestamp"
    assert columns["account_id"] == f"{wrapper}.account_id"


def test_the_key_of_a_database_is_no_id_beside_one() -> None:
    header = ["_id", "id", "account_id", "followers", "following", "likes", "videos_count"]
    recognition = recognize(header, file="x.json")
    assert (recognition.columns["tiktok_id"], recognition.competing) == ("id", {})
