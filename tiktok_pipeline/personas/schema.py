"""The tables of stage ``personas`` with their contracts. Marketers read them."""

from __future__ import annotations

import pandera.pandas as pa

from tiktok_pipeline.clusters.schema import SLICE, STUDY
from tiktok_pipeline.personas.verdict import VERDICTS
from tiktok_pipeline.raw.schema import SNAPSHOT
from tiktok_pipeline.warehouse.base import Column, TableSpec
from tiktok_pipeline.warehouse.contract import schema_for

PERSONA = Column(name="persona", type="text", description="name of the segment", nullable=False)

SUMMARIES_TABLE = TableSpec(
    schema="personas",
    name="summaries",
    description="each segment of a study: its size, its verdict, and what to do with it",
    slice_by=SLICE,
    rows_per=("snapshot", "study", "cluster"),
    columns=(
        SNAPSHOT,
        STUDY,
        Column(
            name="cluster", type="integer", description="number of the cluster in this snapshot; NULL: no cluster"
        ),
        PERSONA,
        Column(name="profiles", type="integer", description="creators in the segment", nullable=False),
        Column(
            name="profiles_in_fit",
            type="integer",
            description="creators of the segment that the model was fitted on",
            nullable=False,
        ),
        Column(name="share", type="float", description="profiles / creators of the snapshot, 0 to 1", nullable=False),
        Column(
            name="verdict",
            type="text",
            description="stability of the segment: stable, pattern, unstable, too small, ...",
            nullable=False,
        ),
        Column(name="description", type="text", description="who they are", nullable=False),
        Column(name="strategic_value", type="text", description="what they are good for", nullable=False),
        Column(name="recommendation", type="text", description="what to do with them", nullable=False),
        Column(
            name="match_distance",
            type="float",
            description="distance to the persona of the catalog, log10 of ratios; NULL: unnamed",
            digits=9,
        ),
    ),
)

FEATURES_TABLE = TableSpec(
    schema="personas",
    name="features",
    description="the features of each segment: mean, median, and the mean relative to the average",
    slice_by=SLICE,
    rows_per=("snapshot", "study", "persona", "base", "feature"),
    columns=(
        SNAPSHOT,
        STUDY,
        PERSONA,
        Column(name="base", type="text", description="'fitted': rows of the fit; 'all': every row", nullable=False),
        Column(name="feature", type="text", description="name of the feature", nullable=False),
        Column(name="mean", type="float", description="mean in the feature's unit", digits=9),
        Column(name="median", type="float", description="median in the feature's unit"),
        Column(
            name="relative_importance",
            type="float",
            description="mean / mean of the base - 1; NULL if the mean of the base is 0",
            digits=6,
        ),
    ),
)

RECOMMENDATIONS_TABLE = TableSpec(
    schema="personas",
    name="recommendations",
    description="the advice of a study, for each persona and for the study",
    slice_by=("study",),
    rows_per=("study", "persona", "recommendation"),
    columns=(
        STUDY,
        Column(
            name="persona",
            type="text",
            description="name of the segment; empty: advice for the study",
            nullable=False,
        ),
        Column(name="recommendation", type="text", description="the advice", nullable=False),
    ),
)

SUMMARIES_SCHEMA = schema_for(
    SUMMARIES_TABLE,
    {
        "profiles": [pa.Check.ge(0)],
        "profiles_in_fit": [pa.Check.ge(0)],
        "share": [pa.Check.in_range(0.0, 1.0)],
        "verdict": [pa.Check.isin(list(VERDICTS))],
    },
)
FEATURES_SCHEMA = schema_for(FEATURES_TABLE, {"base": [pa.Check.isin(["fitted", "all"])]})
RECOMMENDATIONS_SCHEMA = schema_for(RECOMMENDATIONS_TABLE)
