"""The tables of stage ``creators`` with their contracts, and the view of the handles of each creator."""

from __future__ import annotations

from dataclasses import replace

import pandera.pandas as pa

from tiktok_pipeline.clusters.schema import SLICE, STUDY
from tiktok_pipeline.raw.schema import SNAPSHOT
from tiktok_pipeline.validated.schema import ACCOUNT_ID
from tiktok_pipeline.warehouse.base import Column, TableSpec, View
from tiktok_pipeline.warehouse.contract import schema_for

BY_ID, BY_EARLIER_ID, BY_HANDLE = "id", "id in another snapshot", "handle"
"""How a creator is recognized."""

CREATOR_ID = Column(
    name="creator_id",
    type="text",
    description="the creator, whatever the handle: the platform's id, or @ and the handle if no id is known",
    nullable=False,
    is_high_cardinality=True,
)
PREVIOUS_SNAPSHOT = Column(
    name="previous_snapshot", type="text", description="the last snapshot before in which the creator was seen"
)
PREVIOUS_ACCOUNT_ID = Column(
    name="previous_account_id",
    type="text",
    description="the handle of the creator in that snapshot",
    is_high_cardinality=True,
)

IDENTITIES_TABLE = TableSpec(
    schema="creators",
    name="identities",
    description="the creator behind each handle of a snapshot, and where the creator was last seen",
    rows_per=("snapshot", "account_id"),
    columns=(
        SNAPSHOT,
        ACCOUNT_ID,
        CREATOR_ID,
        Column(
            name="identified_by",
            type="text",
            description="id: of the row; id in another snapshot: the nearest in which one id has the handle; handle",
            nullable=False,
        ),
        Column(name="identified_in", type="text", description="the other snapshot that has the id; NULL: none"),
        PREVIOUS_SNAPSHOT,
        PREVIOUS_ACCOUNT_ID,
    ),
)

DEPARTURES_TABLE = TableSpec(
    schema="creators",
    name="departures",
    description="the creators of the snapshot before, also those of activity files, that a snapshot lacks",
    rows_per=("snapshot", "account_id"),
    columns=(
        SNAPSHOT,
        replace(ACCOUNT_ID, description="the last handle of the creator, in the snapshot before"),
        CREATOR_ID,
        replace(PREVIOUS_SNAPSHOT, description="the snapshot before, the last that has the creator", nullable=False),
    ),
)

GROWTH_TABLE = TableSpec(
    schema="creators",
    name="growth",
    description="how each creator changed since the last snapshot before in which it was seen",
    rows_per=("snapshot", "account_id"),
    columns=(
        SNAPSHOT,
        ACCOUNT_ID,
        CREATOR_ID,
        replace(PREVIOUS_SNAPSHOT, nullable=False),
        replace(PREVIOUS_ACCOUNT_ID, nullable=False),
        Column(name="previous_tier", type="text", description="size tier of the creator before", nullable=False),
        Column(name="days", type="float", description="days between; NULL: the row is not of a later time"),
        Column(name="followers_gained", type="integer", description="followers now - before", nullable=False),
        Column(name="likes_gained", type="integer", description="likes received now - before"),
        Column(name="videos_gained", type="integer", description="videos published now - before"),
        Column(
            name="growth_30_days",
            type="float",
            description="(followers now / before)^(30 / days) - 1, a fraction; NULL: less than a day, or none",
        ),
        Column(name="videos_per_week", type="float", description="7 * videos_gained / days; NULL: fewer than before"),
        Column(name="likes_per_new_video", type="float", description="likes_gained / videos_gained, if both grew"),
        Column(name="engagement_change", type="float", description="engagement rate now - before, fraction"),
        Column(
            name="growth_percentile",
            type="float",
            description="percent of the creators of the same previous_tier that grew less; equal ones count half; "
            "NULL: fewer than 30 of them",
        ),
        Column(name="peers", type="integer", description="creators of the same previous_tier whose growth is known"),
        Column(
            name="flags",
            type="text",
            description="what is unusual, with the reason: followers that grew or fell far beyond those of the same "
            "previous_tier; likes or videos that fell by 5 % or more, and more than those of 99 of 100 there; a row "
            "of no later time; NULL: nothing",
        ),
    ),
)

COMPARISONS_TABLE = TableSpec(
    schema="creators",
    name="comparisons",
    description="the creators of a snapshot against the snapshot before, in one row",
    rows_per=("snapshot",),
    columns=(
        SNAPSHOT,
        Column(name="previous_snapshot", type="text", description="the nearest earlier snapshot; NULL: none"),
        Column(name="days", type="float", description="days between the keys of both snapshots"),
        Column(name="creators", type="integer", description="creators of this snapshot", nullable=False),
        Column(name="creators_before", type="integer", description="creators of the previous one", nullable=False),
        Column(name="in_both", type="integer", description="creators of both", nullable=False),
        Column(name="arrivals", type="integer", description="creators never seen before", nullable=False),
        Column(
            name="returned",
            type="integer",
            description="creators seen before, but not in the previous snapshot",
            nullable=False,
        ),
        Column(name="departures", type="integer", description="creators of the previous one only", nullable=False),
        Column(
            name="renamed",
            type="integer",
            description="creators with another handle than when they were last seen",
            nullable=False,
        ),
        Column(
            name="without_id",
            type="integer",
            description="creators of this snapshot whose row has no usable id",
            nullable=False,
        ),
        Column(name="note", type="text", description="why nothing can be compared; NULL: it can"),
        Column(
            name="content", type="text", description="hash of what later snapshots are compared with", nullable=False
        ),
        Column(
            name="compared_with",
            type="texts",
            description="the previous snapshot and each that a creator was last seen in, with its content",
            nullable=False,
        ),
    ),
)

MOVES_TABLE = TableSpec(
    schema="creators",
    name="moves",
    description="each creator of both snapshots that moved to another segment, or whose segment was drawn anew",
    slice_by=SLICE,
    rows_per=("snapshot", "study", "account_id"),
    columns=(
        SNAPSHOT,
        STUDY,
        ACCOUNT_ID,
        CREATOR_ID,
        Column(
            name="previous_snapshot",
            type="text",
            description="the nearest earlier snapshot with a model of the study",
            nullable=False,
        ),
        replace(PREVIOUS_ACCOUNT_ID, nullable=False),
        Column(name="persona_before", type="text", description="segment there", nullable=False),
        Column(
            name="persona_by_earlier_model",
            type="text",
            description="segment that the earlier model gives the new row",
            nullable=False,
        ),
        Column(name="persona", type="text", description="segment in this snapshot", nullable=False),
        Column(
            name="creator_moved",
            type="boolean",
            description="whether the earlier model gives the old row and the new row different segments",
            nullable=False,
        ),
        Column(
            name="model_moved",
            type="boolean",
            description="whether both models give the new row different segments",
            nullable=False,
        ),
        Column(name="margin_before", type="float", description="margin of the old row in the earlier model"),
        Column(name="margin", type="float", description="margin of the new row in the new model"),
    ),
)

HANDLES_VIEW = View(
    schema="creators",
    name="handles",
    sql=f"""
        with seen as (
            select creator_id, account_id, snapshot,
                lag(account_id) over (partition by creator_id order by snapshot) as handle_before
            from {IDENTITIES_TABLE}
        ), numbered as (
            select *, sum(case when handle_before = account_id then 0 else 1 end)
                over (partition by creator_id order by snapshot) as number
            from seen
        ), spans as (
            select creator_id, account_id, number, min(snapshot) as valid_from, max(snapshot) as last_seen
            from numbered group by all
        )
        select creator_id, account_id, valid_from, last_seen,
            lead(valid_from) over (partition by creator_id order by number) as valid_to
        from spans
    """,  # noqa: S608 - the name of a table
    description="the handles of each creator with the snapshots in which they were valid; valid_to is NULL for the "
    "present one (slowly changing dimension, type 2)",
    columns_from=(IDENTITIES_TABLE,),
    rows_per=("creator_id", "valid_from"),
    own_columns={
        "valid_from": "the first snapshot in which the creator had the handle",
        "last_seen": "the last snapshot in which the creator had the handle",
        "valid_to": "the first snapshot in which the creator had another handle; NULL: none",
    },
)

IDENTITIES_SCHEMA = schema_for(
    IDENTITIES_TABLE, {"identified_by": [pa.Check.isin([BY_ID, BY_EARLIER_ID, BY_HANDLE])]}
)
DEPARTURES_SCHEMA = schema_for(DEPARTURES_TABLE)
_COUNT = [pa.Check.ge(0)]
GROWTH_SCHEMA = schema_for(
    GROWTH_TABLE,
    {
        "days": [pa.Check.gt(0.0)],
        "growth_30_days": [pa.Check.ge(-1.0)],
        "videos_per_week": [pa.Check.ge(0.0)],
        "growth_percentile": [pa.Check.in_range(0.0, 100.0)],
        "peers": _COUNT,
    },
)
COMPARISONS_SCHEMA = schema_for(
    COMPARISONS_TABLE,
    dict.fromkeys(
        ("creators", "creators_before", "in_both", "arrivals", "returned", "departures", "renamed", "without_id"),
        _COUNT,
    ),
)
MOVES_SCHEMA = schema_for(
    MOVES_TABLE, {"margin_before": [pa.Check.in_range(0.0, 1.0)], "margin": [pa.Check.in_range(0.0, 1.0)]}
)
