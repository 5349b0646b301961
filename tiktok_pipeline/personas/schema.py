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
        Column(
            name="farthest_in_fit",
            type="float",
            description="distance of the farthest fitted creator of the segment to its center, scaled units",
            digits=9,
        ),
        Column(
            name="profiles_beyond_fit",
            type="integer",
            description="creators of the segment farther from its center than any fitted one; no verdict covers them",
        ),
    ),
)

FEATURES_TABLE = TableSpec(
    schema="personas",
    name="features",
    description="the features of each segment: mean, median, and both relative to those of all creators",
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
        Column(
            name="relative_median",
            type="float",
            description="median / median of the base - 1, of shares for a feature that is 0 or 1; NULL if that is 0",
            digits=6,
        ),
    ),
)

RULES_TABLE = TableSpec(
    schema="personas",
    name="rules",
    description="the segments as rules on raw features: a tree of depth 3 that imitates the model, with its fidelity",
    slice_by=SLICE,
    rows_per=("snapshot", "study", "rule"),
    columns=(
        SNAPSHOT,
        STUDY,
        Column(name="rule", type="text", description="the conditions, joined by 'and'", nullable=False),
        PERSONA,
        Column(
            name="profiles", type="integer", description="fitted creators that the rule holds for", nullable=False
        ),
        Column(
            name="share_right",
            type="float",
            description="share of them that the model gives this segment, 0 to 1",
            nullable=False,
        ),
        Column(
            name="fidelity",
            type="float",
            description="share of creators that all rules together give the model's segment, cross-validated, 0 to 1",
            nullable=False,
        ),
        Column(
            name="fidelity_uncertain",
            type="float",
            description="the same for the quarter of creators with the smallest margins",
            nullable=False,
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

MIGRATIONS_TABLE = TableSpec(
    schema="personas",
    name="migrations",
    description="how many creators went from which segment to which since the last snapshot with the study",
    slice_by=SLICE,
    rows_per=("snapshot", "study", "kind", "persona_before", "persona"),
    columns=(
        SNAPSHOT,
        STUDY,
        Column(
            name="kind",
            type="text",
            description="both: creators of both snapshots; arrival: of this one only; departure: of the other only",
            nullable=False,
        ),
        Column(name="previous_snapshot", type="text", description="the other, earlier snapshot", nullable=False),
        Column(name="persona_before", type="text", description="segment there; NULL for an arrival"),
        Column(name="persona", type="text", description="segment here; NULL for a departure"),
        Column(name="creators", type="integer", description="number of creators", nullable=False),
        Column(
            name="creator_moved",
            type="integer",
            description="of these, the earlier model gives the old row and the new row different segments",
            nullable=False,
        ),
        Column(
            name="model_moved",
            type="integer",
            description="of these, both models give the new row different segments",
            nullable=False,
        ),
        Column(
            name="previous_content",
            type="text",
            description="hash of the earlier model and of the creators of both snapshots",
            nullable=False,
        ),
    ),
)

LIFECYCLE_TABLE = TableSpec(
    schema="personas",
    name="lifecycle",
    description="what became of each segment of the last snapshot with the study (MONIC, Spiliopoulou 2006)",
    slice_by=SLICE,
    rows_per=("snapshot", "study", "persona_before", "persona"),
    columns=(
        SNAPSHOT,
        STUDY,
        Column(
            name="transition",
            type="text",
            description="survived, split, merged, vanished (no segment here) or emerged (no segment there)",
            nullable=False,
        ),
        Column(name="previous_snapshot", type="text", description="the earlier snapshot", nullable=False),
        Column(name="persona_before", type="text", description="segment there; NULL: it emerged"),
        Column(name="persona", type="text", description="segment here; NULL: it vanished"),
        Column(
            name="overlap",
            type="float",
            description="share of the segment's creators, as the earlier model assigns this snapshot, that are in "
            "persona; 0 to 1",
        ),
        Column(
            name="creators_before", type="integer", description="creators that the earlier model gives the segment"
        ),
        Column(name="creators", type="integer", description="creators of the segment here"),
        Column(
            name="shift",
            type="text",
            description="where the center moved most, before and now, in the feature's unit",
        ),
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
_SHARE = [pa.Check.in_range(0.0, 1.0)]
RULES_SCHEMA = schema_for(
    RULES_TABLE,
    {"profiles": [pa.Check.ge(0)], "share_right": _SHARE, "fidelity": _SHARE, "fidelity_uncertain": _SHARE},
)
RECOMMENDATIONS_SCHEMA = schema_for(RECOMMENDATIONS_TABLE)
_COUNT = [pa.Check.ge(0)]
MIGRATIONS_SCHEMA = schema_for(
    MIGRATIONS_TABLE,
    {
        "kind": [pa.Check.isin(["both", "arrival", "departure"])],
        "creators": _COUNT,
        "creator_moved": _COUNT,
        "model_moved": _COUNT,
    },
)
LIFECYCLE_SCHEMA = schema_for(
    LIFECYCLE_TABLE,
    {
        "transition": [pa.Check.isin(["survived", "split", "merged", "vanished", "emerged"])],
        "overlap": [pa.Check.in_range(0.0, 1.0)],
    },
)
