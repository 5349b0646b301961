"""The tables that set each creator beside others of its size, with their contracts."""

from __future__ import annotations

from collections.abc import Mapping

import pandera.pandas as pa

from tiktok_pipeline.creators.figures import FIGURES
from tiktok_pipeline.creators.schema import CREATOR_ID, PREVIOUS_ACCOUNT_ID, PREVIOUS_SNAPSHOT
from tiktok_pipeline.features.schema import POSTING_TABLE
from tiktok_pipeline.raw.schema import SNAPSHOT
from tiktok_pipeline.validated.schema import ACCOUNT_ID, PROFILES_TABLE
from tiktok_pipeline.warehouse.base import Column, TableSpec
from tiktok_pipeline.warehouse.contract import Checks, schema_for

QUANTILES: Mapping[str, float] = {"p10": 0.1, "p25": 0.25, "median": 0.5, "p75": 0.75, "p90": 0.9}
"""The quantiles of a benchmark, by column."""

FOLLOWERS = Column(name="followers", type="integer", description="accounts that follow this one", nullable=False)
TIER = Column(name="follower_tier", type="text", description="size tier of influencer marketing", nullable=False)
TIMES_EXPECTED = Column(
    name="times_expected",
    type="float",
    description="avg_engagement_rate / its median among the peers; 1 is usual; NULL: unknown, or the median is 0",
)
PEERS = (
    Column(name="peers", type="integer", description="creators in the window, itself included", nullable=False),
    Column(
        name="peers_from",
        type="integer",
        description="followers of the smallest creator in the window",
        nullable=False,
    ),
    Column(
        name="peers_to", type="integer", description="followers of the largest creator in the window", nullable=False
    ),
)


def _percentile(figure: str) -> Column:
    return Column(
        name=f"{figure}_percentile",
        type="float",
        description=f"share of the peers with less {FIGURES[figure]}, ties count half; 0 to 1",
    )


def _compared(figure: str) -> tuple[Column, ...]:
    text = FIGURES[figure]
    return (
        Column(name=figure, type="float", description=text),
        Column(name=f"{figure}_known", type="integer", description=f"peers with a value: {text}", nullable=False),
        _percentile(figure),
        Column(name=f"{figure}_low", type="float", description=f"1st percentile of the peers: {text}"),
        Column(name=f"{figure}_usual", type="float", description=f"median of the peers: {text}"),
        Column(name=f"{figure}_high", type="float", description=f"99th percentile of the peers: {text}"),
    )


PEERS_TABLE = TableSpec(
    schema="creators",
    name="peers",
    description="each creator among the creators nearest by followers: percentiles and usual ranges",
    rows_per=("snapshot", "account_id"),
    columns=(
        SNAPSHOT,
        ACCOUNT_ID,
        FOLLOWERS,
        TIER,
        *PEERS,
        TIMES_EXPECTED,
        *(column for figure in FIGURES for column in _compared(figure)),
    ),
)

NOTICES_TABLE = TableSpec(
    schema="creators",
    name="notices",
    description="figures beyond the 1st or 99th percentile of at least 200 peers; no verdict",
    rows_per=("snapshot", "account_id", "notice"),
    columns=(
        SNAPSHOT,
        ACCOUNT_ID,
        Column(name="notice", type="text", description="what stands out", nullable=False),
        Column(name="figure", type="text", description="column of creators.peers that stands out", nullable=False),
        Column(name="value", type="float", description="its value", nullable=False),
        Column(name="usual_low", type="float", description="1st percentile of the peers", nullable=False),
        Column(name="usual", type="float", description="median of the peers", nullable=False),
        Column(name="usual_high", type="float", description="99th percentile of the peers", nullable=False),
        Column(name="known_peers", type="integer", description="peers with a value", nullable=False),
        FOLLOWERS,
        *PEERS,
    ),
)

CURRENT_POSTING = (
    *("activity", "days_since_last_post", "videos_per_week", "median_plays", "engagement_by_plays"),
    *("videos_with_counts", "video_engagement_low", "video_engagement_high"),
)
CURRENT_PROFILE = (
    *("nickname", "biography", "bio_link", "is_verified", "following", "likes", "comment_engagement_rate"),
    *("like_engagement_rate", "observed_on", "scraped_videos", "language", "region"),
)


def _from(table: TableSpec, names: tuple[str, ...]) -> tuple[Column, ...]:
    columns = {column.name: column for column in table.columns}
    return tuple(columns[name] for name in names)


CURRENT_TABLE = TableSpec(
    schema="creators",
    name="current",
    description="one wide row for each creator, the largest first: what a search reads; take the newest snapshot",
    rows_per=("snapshot", "account_id"),
    columns=(
        SNAPSHOT,
        ACCOUNT_ID,
        FOLLOWERS,
        TIER,
        *(Column(name=figure, type="float", description=text) for figure, text in FIGURES.items()),
        *map(_percentile, FIGURES),
        Column(name="avg_engagement_rate_usual", type="float", description="engagement rate expected at this size"),
        TIMES_EXPECTED,
        *_from(PROFILES_TABLE, CURRENT_PROFILE),
        *_from(POSTING_TABLE, CURRENT_POSTING),
        Column(
            name="words",
            type="text",
            description="displayed name, handle and biography in lower case, for a search by words",
            is_high_cardinality=True,
        ),
        Column(name="has_email", type="boolean", description="whether the biography has an e-mail address"),
        Column(name="notices", type="integer", description="rows in creators.notices", nullable=False),
        Column(name="study", type="text", description="study of persona, verdict and margin; NULL: none"),
        Column(name="persona", type="text", description="segment of the creator; NULL: none"),
        Column(name="verdict", type="text", description="stability of the segment"),
        Column(name="margin", type="float", description="1 - nearest / second nearest centroid; 0 is on the border"),
        Column(name="runner_up", type="text", description="second nearest segment"),
        Column(name="persona_before", type="text", description="segment in the snapshot before; NULL: not known"),
    ),
)

HISTORY_FIGURES = (
    *("followers", "avg_engagement_rate", "likes_per_video", "videos_count", "growth_30_days"),
    *("study", "persona"),
)
"""The columns of ``creators.current`` that the history of a creator shows."""

HISTORY_TABLE = TableSpec(
    schema="creators",
    name="history",
    description="each creator of each snapshot in the order of the handles: what the card of one creator reads",
    rows_per=("snapshot", "account_id"),
    columns=(
        SNAPSHOT,
        ACCOUNT_ID,
        CREATOR_ID,
        PREVIOUS_SNAPSHOT,
        PREVIOUS_ACCOUNT_ID,
        *_from(CURRENT_TABLE, HISTORY_FIGURES),
    ),
)

BENCHMARKS_TABLE = TableSpec(
    schema="creators",
    name="benchmarks",
    description="what is usual: quantiles of each figure by tier, persona, region and language",
    rows_per=("snapshot", "grouping", "group_name", "figure"),
    columns=(
        SNAPSHOT,
        Column(name="grouping", type="text", description="all, tier, persona, region or language", nullable=False),
        Column(name="group_name", type="text", description="value of the grouping", nullable=False),
        Column(
            name="basis",
            type="text",
            description="what the figure is measured by: followers, views or counts; do not compare across",
            nullable=False,
        ),
        Column(name="figure", type="text", description="column of creators.current", nullable=False),
        Column(name="creators", type="integer", description="creators with a value", nullable=False),
        *(
            Column(name=name, type="float", description=f"{100 * q:g} % quantile, linear interpolation", digits=9)
            for name, q in QUANTILES.items()
        ),
    ),
)

_SHARE = [pa.Check.in_range(0.0, 1.0)]
_PERCENTILES: Checks = {f"{figure}_percentile": _SHARE for figure in FIGURES}
PEERS_SCHEMA = schema_for(
    PEERS_TABLE, {**_PERCENTILES, "peers": [pa.Check.ge(1)], "times_expected": [pa.Check.ge(0.0)]}
)
NOTICES_SCHEMA = schema_for(NOTICES_TABLE, {"known_peers": [pa.Check.ge(200)]})
CURRENT_SCHEMA = schema_for(
    CURRENT_TABLE, {**_PERCENTILES, "margin": _SHARE, "notices": [pa.Check.ge(0)], "followers": [pa.Check.ge(0)]}
)
HISTORY_SCHEMA = schema_for(HISTORY_TABLE, {"followers": [pa.Check.ge(0)]})
BENCHMARKS_SCHEMA = schema_for(
    BENCHMARKS_TABLE,
    {
        "grouping": [pa.Check.isin(["all", "tier", "persona", "region", "language"])],
        "basis": [pa.Check.isin(["followers", "views", "counts"])],
        "creators": [pa.Check.ge(30)],
    },
)
