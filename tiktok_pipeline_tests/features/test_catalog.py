"""Every feature of the catalog against a value by hand, and against its contract."""

from __future__ import annotations

import math
from datetime import date, timedelta
from typing import Any, Literal

import narwhals as nw
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tiktok_pipeline.features.build import build_features
from tiktok_pipeline.features.catalog import (
    FEATURES,
    FEATURES_BY_NAME,
    feature_label,
    feature_names,
)
from tiktok_pipeline.features.expressions import FOLLOWER_TIERS, follower_tier
from tiktok_pipeline.features.posting import POSTING_FEATURES
from tiktok_pipeline.features.schema import SCHEMAS, TABLES
from tiktok_pipeline.validated.schema import LARGEST_COUNT
from tiktok_pipeline.validated.schema import TABLES as VALIDATED_TABLES
from tiktok_pipeline.warehouse.contract import rules
from tiktok_pipeline.warehouse.duckdb.warehouse import DuckDBWarehouse
from tiktok_pipeline_tests.features.frames import pandas, validated
from tiktok_pipeline_tests.hypothesis_profiles import examples

_SURROGATES: tuple[Literal["Cs"]] = ("Cs",)
PROFILE: dict[str, Any] = {
    "followers": 20_000,
    "following": 150,
    "likes": 500_000,
    "videos_count": 40,
    "avg_engagement_rate": 0.05,
    "comment_engagement_rate": 0.01,
    "like_engagement_rate": 0.04,
    "is_verified": True,
    "bio_link": "https://example.org",
    "biography": "Vlogger, Köln",
    "tiktok_id": "6871947673600000000",  # 1,600,000,000 seconds since 1970, in the upper 32 bits
    "observed_on": date(2023, 8, 12),
}
ACTIVITY = {"engagement_index": 88.5, "monetization_maturity": 20.25}

BY_HAND: dict[str, dict[str, float | str]] = {
    "profiles": {
        "followers": 20_000.0,
        "following": 150.0,
        "likes": 500_000.0,
        "videos_count": 40.0,
        "avg_engagement_rate": 0.05,
        "comment_engagement_rate": 0.01,
        "like_engagement_rate": 0.04,
        "log_followers": 9.903537551286,
        "log_following": 5.017279836815,
        "log_likes": 13.122365377402,
        "log_videos_count": 3.713572066704,
        "log_engagement_percent": 1.791759469228,  # ln 6
        "log_lifetime_engagement_percent": 4.151039905899,  # ln(62.5 + 1)
        "total_engagement": 0.10,
        "comment_share": 0.20,
        "likes_per_video": 12_500.0,
        "likes_per_video_padded": 12_499.99996875,
        "lifetime_engagement_rate": 0.625,
        "likes_per_follower": 25.0,
        "videos_per_follower": 0.002,
        "is_verified": 1.0,
        "has_bio_link": 1.0,
        "lacks_bio_link": 0.0,
        "biography_length": 13.0,
        "has_creator_keyword": 1.0,
        "account_age_days": 1_062.481481481481,  # day 19,581 of 1970 less 18,518.5185...
        "follower_tier": "micro",
    },
    "creator_activity": {"engagement_index": 88.5, "monetization_maturity": 20.25},
}
CATALOG = [(source, feature.name) for source, features in FEATURES.items() for feature in features]


def build_one(engine: DuckDBWarehouse, source: str = "profiles", **cells: Any) -> dict[str, Any]:
    built = pandas(build_features(validated(engine, [cells], source), source), "source_row")
    return {str(name): None if pd.isna(value) else value for name, value in built.iloc[0].items()}


@pytest.mark.parametrize(("source", "name"), CATALOG)
def test_a_feature_has_the_value_worked_out_by_hand(engine: DuckDBWarehouse, source: str, name: str) -> None:
    found = build_one(engine, source, **(PROFILE if source == "profiles" else ACTIVITY))[name]
    expected = BY_HAND[source][name]
    assert found == (expected if isinstance(expected, str) else pytest.approx(expected, rel=1e-11))


def test_every_value_by_hand_belongs_to_a_feature() -> None:
    assert {source: set(values) for source, values in BY_HAND.items()} == {
        source: {feature.name for feature in features} for source, features in FEATURES.items()
    }


@pytest.mark.parametrize(
    ("zero", "missing"),
    [
        (
            "videos_count",
            {"likes_per_video", "lifetime_engagement_rate", "log_lifetime_engagement_percent"},
        ),
        (
            "followers",
            {
                "likes_per_follower",
                "videos_per_follower",
                "lifetime_engagement_rate",
                "log_lifetime_engagement_percent",
            },
        ),
        ("avg_engagement_rate", {"comment_share"}),
    ],
)
def test_a_division_by_zero_is_missing_and_never_infinite(
    engine: DuckDBWarehouse, zero: str, missing: set[str]
) -> None:
    built = build_one(engine, **(PROFILE | {zero: 0}))
    assert {name for name in feature_names("profiles") if built[name] is None} == missing


def test_zero_divided_by_zero_is_missing(engine: DuckDBWarehouse) -> None:
    nothing: dict[str, Any] = dict.fromkeys(("followers", "following", "likes", "videos_count"), 0)
    rates: dict[str, Any] = dict.fromkeys(
        ("avg_engagement_rate", "comment_engagement_rate", "like_engagement_rate"), 0.0
    )
    built = build_one(engine, **nothing, **rates)
    ratios = (
        "likes_per_video",
        "lifetime_engagement_rate",
        "likes_per_follower",
        "videos_per_follower",
        "comment_share",
    )
    assert [built[name] for name in ratios] == [None] * 5
    assert built["likes_per_video_padded"] == 0.0
    assert built["log_followers"] == 0.0
    assert built["total_engagement"] == 0.0


def test_a_ratio_with_a_tiny_denominator_is_missing(engine: DuckDBWarehouse) -> None:
    assert (
        build_one(engine, **(PROFILE | {"avg_engagement_rate": 1e-307, "comment_engagement_rate": 72.0}))[
            "comment_share"
        ]
        is None
    )


def test_a_value_that_was_not_delivered_is_missing_not_zero(engine: DuckDBWarehouse) -> None:
    rates: dict[str, Any] = dict.fromkeys(("avg_engagement_rate", "comment_engagement_rate", "like_engagement_rate"))
    built = build_one(engine, **rates, is_verified=None, biography=None, bio_link=None)
    assert [built[name] for name in (*rates, "total_engagement", "comment_share", "log_engagement_percent")] == [
        None
    ] * 6
    assert built["is_verified"] is None
    assert (built["has_bio_link"], built["biography_length"], built["has_creator_keyword"]) == (0.0, 0.0, 0.0)
    assert built["lacks_bio_link"] == 1.0


def test_the_padded_ratio_of_an_account_without_videos_is_huge_not_missing(engine: DuckDBWarehouse) -> None:
    built = build_one(engine, **(PROFILE | {"videos_count": 0}))
    assert built["likes_per_video_padded"] == pytest.approx(5e12)


_2014 = 1_388_534_400  # 2014-01-01T00:00:00Z, in seconds since 1970
_NOON = 1_691_841_600  # 2023-08-12T12:00:00Z


@pytest.mark.parametrize(
    ("tiktok_id", "observed_on", "age"),
    [
        pytest.param(_2014 << 32, date(2023, 8, 12), 3_510.0, id="made on the first day"),
        pytest.param((_2014 << 32) - 2**12, date(2023, 8, 12), None, id="made before 2014"),
        pytest.param(107_955, date(2023, 8, 12), None, id="a plain counter of the first years"),
        pytest.param(_2014 << 32, date(2014, 1, 1), 0.0, id="seen when it was made"),
        pytest.param(_2014 << 32, date(2013, 12, 31), None, id="seen before it was made"),
        pytest.param(_NOON << 32, date(2023, 8, 13), 0.5, id="half a day old"),
        pytest.param(_NOON << 32, date(2023, 8, 11), None, id="seen the day before"),
        pytest.param(_NOON << 32, None, None, id="never seen"),
        pytest.param(None, date(2023, 8, 12), None, id="no number"),
        pytest.param(99_999_999_999_999_999_999, date(2023, 8, 12), None, id="20 digits"),
        pytest.param(10_000_000_000_000_000_000, date(2050, 1, 1), 2_272.008836, id="20 digits that are a time"),
        pytest.param((_2014 << 32) + 2**32 - 1, date(2014, 1, 2), 1 - 1 / 86_400, id="the lower bits hardly count"),
    ],
)
def test_the_account_number_gives_the_age(
    engine: DuckDBWarehouse, tiktok_id: int | None, observed_on: date | None, age: float | None
) -> None:
    text = None if tiktok_id is None else str(tiktok_id)
    found = build_one(engine, tiktok_id=text, observed_on=observed_on)["account_age_days"]
    assert found is None if age is None else found == pytest.approx(age, abs=1e-6)


def test_the_age_of_an_account_follows_the_calendar(engine: DuckDBWarehouse) -> None:
    """Check every day around the ends of months and years, leap years included."""
    days = [
        date(year, month, 1) + timedelta(days=shift)
        for year in (2015, 2016, 2020, 2023, 2024, 2025, 2099)
        for month in (1, 2, 3, 7, 12)
        for shift in (-1, 0, 27, 28)
    ]
    rows = [{"tiktok_id": str(_2014 << 32), "observed_on": day} for day in days]
    built = pandas(build_features(validated(engine, rows), "profiles"), "source_row")
    assert built["account_age_days"].tolist() == [(day - date(2014, 1, 1)).days for day in days]


@pytest.mark.parametrize(
    ("biography", "hit"),
    [
        ("creator", True),
        ("CREATOR from Rome", True),
        ("a TrAvElLeR and Traveller", True),
        ("#creator!", True),
        ("(model)", True),
        ("mum/blogger/cook", True),
        ("first line\nVlogger", True),
        ("model's life", True),
        ("我是creator呢", True),
        ("🎥influencer🎥", True),
        ("عارضة model", True),
        ("creators", False),
        ("supermodel", False),
        ("modeling", False),
        ("remodel it", False),
        ("model_1", False),
        ("model3d", False),
        ("modelé par la mer", False),
        ("åmodel", False),
        ("creat or", False),
        ("блогер и модель", False),
        ("", False),
        (None, False),
    ],
)
def test_a_keyword_counts_only_as_a_word(engine: DuckDBWarehouse, biography: str | None, hit: bool) -> None:
    assert build_one(engine, biography=biography)["has_creator_keyword"] == float(hit)


def test_the_length_of_a_biography_is_in_characters_not_bytes(engine: DuckDBWarehouse) -> None:
    assert build_one(engine, biography="日本語🎥é")["biography_length"] == 5.0


@pytest.mark.parametrize(
    ("followers", "tier"),
    [
        (0, "below nano"),
        (999, "below nano"),
        (1_000, "nano"),
        (9_999, "nano"),
        (10_000, "micro"),
        (49_999, "micro"),
        (50_000, "mid"),
        (499_999, "mid"),
        (500_000, "macro"),
        (999_999, "macro"),
        (1_000_000, "mega"),
        (LARGEST_COUNT, "mega"),
    ],
)
def test_a_tier_starts_at_its_lower_bound(engine: DuckDBWarehouse, followers: int, tier: str) -> None:
    assert build_one(engine, followers=followers)["follower_tier"] == tier


def test_other_bounds_in_any_order_give_other_tiers(engine: DuckDBWarehouse) -> None:
    frame = validated(engine, [{"followers": 5}, {"followers": 10}, {"followers": 100}])
    tiers = frame.select("source_row", follower_tier(nw.col("followers"), {"small": 10, "large": 100}).alias("tier"))
    assert list(pandas(tiers, "source_row")["tier"]) == ["below small", "small", "large"]
    assert list(FOLLOWER_TIERS.values()) == sorted(FOLLOWER_TIERS.values())


@pytest.mark.parametrize("source", sorted(FEATURES))
def test_build_features_returns_one_row_for_each_row(engine: DuckDBWarehouse, source: str) -> None:
    rows = [{"account_id": name, "source_row": place} for place, name in ((3, "c"), (1, "a"), (2, "b"))]
    built = build_features(validated(engine, rows, source), source)
    assert built.collect_schema().names() == TABLES[source].frame_names
    assert list(pandas(built, "source_row")["account_id"]) == ["a", "b", "c"]


@pytest.mark.parametrize(("source", "name"), CATALOG)
def test_a_feature_reads_exactly_its_columns(engine: DuckDBWarehouse, source: str, name: str) -> None:
    feature = FEATURES_BY_NAME[name]
    rows = validated(engine, [PROFILE if source == "profiles" else ACTIVITY], source)
    marks = [f"has_{column}" for column in feature.columns if f"has_{column}" in rows.collect_schema().names()]
    assert set(feature.columns) <= set(VALIDATED_TABLES[source].frame_names)
    assert len(pandas(rows.select(*feature.columns, *marks).select(feature.expression.alias(name)), name)) == 1
    for column in feature.columns:
        with pytest.raises(nw.exceptions.ColumnNotFoundError):
            pandas(rows.drop(column).select(feature.expression.alias(name)), name)


def test_feature_names_leave_texts_out() -> None:
    assert "follower_tier" not in feature_names("profiles")
    assert len(feature_names("profiles")) == len(FEATURES["profiles"]) - 1


def test_no_name_and_no_label_is_used_twice() -> None:
    features = [feature for group in (*FEATURES.values(), POSTING_FEATURES) for feature in group]
    assert len(FEATURES_BY_NAME) == len(features)
    for words in ("label", "short_label"):
        assert len({getattr(feature, words) for feature in features}) == len(features)


@pytest.mark.parametrize(
    ("name", "label", "axis_label"),
    [
        ("followers", "followers", "followers"),
        ("avg_engagement_rate", "engagement rate", "engagement rate"),
        ("log_likes", "likes received (log scale)", "ln(likes + 1)"),
        ("is_verified", "verified accounts", "verified (0/1)"),
        ("biography_length", "characters in the biography", "bio length, characters"),
        ("account_age_days", "age of the account in days", "account age, days"),
        ("engagement_index", "engagement index", "engagement index, points"),
    ],
)
def test_labels_of_a_feature(name: str, label: str, axis_label: str) -> None:
    assert (feature_label(name), FEATURES_BY_NAME[name].axis_label) == (label, axis_label)


def test_feature_label_of_another_name_is_the_name_with_spaces() -> None:
    assert feature_label("shares_per_day") == "shares per day"


_COUNTS = st.integers(min_value=0, max_value=LARGEST_COUNT)
_RATES = st.none() | st.floats(min_value=0.0, max_value=1e6, allow_subnormal=False)
_PROFILES = st.lists(
    st.fixed_dictionaries(
        {
            "followers": _COUNTS,
            "following": _COUNTS,
            "likes": _COUNTS,
            "videos_count": _COUNTS,
            "avg_engagement_rate": _RATES,
            "comment_engagement_rate": _RATES,
            "like_engagement_rate": _RATES,
            "is_verified": st.none() | st.booleans(),
            "bio_link": st.none() | st.just("https://example.org"),
            "tiktok_id": st.none() | st.integers(0, 10**20 - 1).map(str),
            "observed_on": st.none() | st.dates(date(2014, 1, 1), date(2099, 12, 31)),
            "biography": st.none() | st.text(st.characters(exclude_categories=_SURROGATES, exclude_characters="\0")),
        }
    ),
    min_size=1,
    max_size=12,
)


@settings(max_examples=examples(25), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(rows=_PROFILES)
def test_features_of_valid_profiles_keep_their_contract(engine: DuckDBWarehouse, rows: list[dict[str, Any]]) -> None:
    built = engine.persist(build_features(validated(engine, rows), "profiles"))
    contract = rules(SCHEMAS["profiles"])
    broken = built.select(*((~rule.holds).cast(nw.Int64).sum().alias(rule.reason) for rule in contract))
    counts = broken.collect("pyarrow").to_native().to_pylist()[0]
    assert {reason: count for reason, count in counts.items() if count} == {}
    table = built.collect("pyarrow").to_native()
    assert table.num_rows == len(rows)
    numbers = (value for name in feature_names("profiles") for value in table[name].to_pylist() if value is not None)
    assert all(math.isfinite(number) for number in numbers)
