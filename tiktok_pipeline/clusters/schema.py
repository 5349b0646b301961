"""The tables of stage ``clusters`` with their contracts. A model is stored as rows, so no pickle is ever loaded."""

from __future__ import annotations

import pandera.pandas as pa

from tiktok_pipeline.raw.schema import SNAPSHOT
from tiktok_pipeline.validated.schema import ACCOUNT_ID
from tiktok_pipeline.warehouse.base import Column, TableSpec
from tiktok_pipeline.warehouse.contract import schema_for

STUDY = Column(name="study", type="text", description="name of the study", nullable=False)
CLUSTER = Column(name="cluster", type="integer", description="number of the cluster; no meaning across refits")
SLICE = ("snapshot", "study")

K_SCORES_TABLE = TableSpec(
    schema="clusters",
    name="k_scores",
    description="the scores of each number of clusters",
    slice_by=SLICE,
    rows_per=("snapshot", "study", "k"),
    columns=(
        SNAPSHOT,
        STUDY,
        Column(name="k", type="integer", description="number of clusters", nullable=False),
        Column(name="inertia", type="float", description="sum of squared distances to the centroid, scaled units"),
        Column(name="silhouette", type="float", description="mean silhouette, -1 to 1; higher is better"),
        Column(name="calinski_harabasz", type="float", description="between / within variance; higher is better"),
        Column(name="davies_bouldin", type="float", description="mean similarity of clusters; lower is better"),
        Column(
            name="is_elbow",
            type="boolean",
            description="whether the inertia has its elbow here (kneedle)",
            nullable=False,
        ),
        Column(
            name="is_best_silhouette",
            type="boolean",
            description="whether the silhouette is highest here",
            nullable=False,
        ),
        Column(name="is_chosen", type="boolean", description="whether it is the study's choice", nullable=False),
        Column(
            name="reason",
            type="text",
            description="the choice beside the elbow and the best silhouette",
            nullable=False,
        ),
    ),
)

FITS_TABLE = TableSpec(
    schema="clusters",
    name="fits",
    description="statistics of the fit: rows after each rule, inertia, silhouette, eta squared of ranks",
    slice_by=SLICE,
    rows_per=("snapshot", "study", "statistic"),
    columns=(
        SNAPSHOT,
        STUDY,
        Column(name="statistic", type="text", description="name of the statistic", nullable=False),
        Column(name="value", type="float", description="value of the statistic; NULL if it is not defined"),
        Column(name="note", type="text", description="the reason if there is no model, else NULL"),
        Column(
            name="basis",
            type="text",
            description="what the response is measured by: engagement rates or lifetime engagement; NULL: one basis",
        ),
    ),
)

MODELS_TABLE = TableSpec(
    schema="clusters",
    name="models",
    description="the model: the transform and scale of each feature, and the centroids",
    slice_by=SLICE,
    rows_per=("snapshot", "study", "cluster", "feature"),
    columns=(
        SNAPSHOT,
        STUDY,
        Column(name="cluster", type="integer", description="number of the cluster", nullable=False),
        Column(name="feature", type="text", description="name of the feature", nullable=False),
        Column(
            name="position",
            type="integer",
            description="position of the feature in the model, from 0",
            nullable=False,
        ),
        Column(name="transform", type="text", description="identity or log1p", nullable=False),
        Column(
            name="fill", type="float", description="fill for a missing value, in the feature's unit; NULL: no cluster"
        ),
        Column(name="center", type="float", description="subtracted from the transformed value", nullable=False),
        Column(name="scale", type="float", description="divisor after the center is subtracted", nullable=False),
        Column(name="centroid", type="float", description="coordinate of the centroid, scaled units", nullable=False),
    ),
)

CONTINUITY_TABLE = TableSpec(
    schema="clusters",
    name="continuity",
    description="how the model goes on from the nearest earlier snapshot, and the identity of each segment",
    slice_by=SLICE,
    rows_per=("snapshot", "study", "cluster"),
    columns=(
        SNAPSHOT,
        STUDY,
        Column(name="cluster", type="integer", description="number of the cluster", nullable=False),
        Column(
            name="segment_id",
            type="integer",
            description="identity of the segment in its study; it stays through refits and renamings",
            nullable=False,
        ),
        Column(
            name="start",
            type="text",
            description="start of the fit that is kept: cold, catalog or earlier snapshot",
            nullable=False,
        ),
        Column(
            name="is_regime_change",
            type="boolean",
            description="whether the earlier segments no longer fit, so that the model was fitted from nothing",
            nullable=False,
        ),
        Column(name="earlier_snapshot", type="text", description="the nearest earlier snapshot; NULL: none"),
        Column(name="earlier_cluster", type="integer", description="the same segment there; NULL: a new segment"),
        Column(
            name="overlap",
            type="float",
            description="creators of both / of either, if the earlier model assigns this snapshot; 0 to 1",
        ),
        Column(name="earlier_model", type="text", description="hash of the earlier model; NULL: none"),
    ),
)

ASSIGNMENTS_TABLE = TableSpec(
    schema="clusters",
    name="assignments",
    description="the cluster of every profile of the snapshot, with its distance and margin",
    slice_by=SLICE,
    rows_per=("snapshot", "study", "account_id"),
    columns=(
        SNAPSHOT,
        STUDY,
        ACCOUNT_ID,
        CLUSTER,
        Column(name="in_fit", type="boolean", description="whether the model was fitted on this row", nullable=False),
        Column(name="distance", type="float", description="distance to the nearest centroid, scaled units"),
        Column(name="margin", type="float", description="1 - nearest / second nearest centroid; 0 is on the border"),
        Column(name="runner_up", type="integer", description="number of the second nearest cluster; NULL: none"),
        Column(
            name="runner_up_margin",
            type="float",
            description="1 - second / third nearest centroid; 0: another cluster is as near as the runner-up",
        ),
    ),
)

STABILITY_TABLE = TableSpec(
    schema="clusters",
    name="stability",
    description="the stability of each cluster: bootstrap Jaccard with its error, silhouette, size",
    slice_by=SLICE,
    rows_per=("snapshot", "study", "cluster"),
    columns=(
        SNAPSHOT,
        STUDY,
        Column(name="cluster", type="integer", description="number of the cluster", nullable=False),
        Column(
            name="jaccard",
            type="float",
            description="mean bootstrap Jaccard (Hennig 2007), each draw fitted as the model was; NULL: never drawn",
        ),
        Column(
            name="standard_error",
            type="float",
            description="standard error of jaccard over the draws; NULL: fewer than two draws",
        ),
        Column(
            name="share_dissolved",
            type="float",
            description="share of draws with a Jaccard of at most 0.5 (Hennig's bound of a dissolved cluster)",
        ),
        Column(name="share_recovered", type="float", description="share of draws with a Jaccard of at least 0.75"),
        Column(
            name="jaccard_cold",
            type="float",
            description="mean bootstrap Jaccard if each draw is fitted from k-means++ starts",
        ),
        Column(
            name="share_of_draws",
            type="float",
            description="share of draws with a profile of the cluster, 0 to 1",
            nullable=False,
        ),
        Column(name="silhouette", type="float", description="mean silhouette of its profiles, -1 to 1"),
        Column(
            name="profiles",
            type="integer",
            description="profiles of the cluster in the measured sample",
            nullable=False,
        ),
        Column(
            name="fingerprint",
            type="text",
            description="hash of the measured model, rows and settings",
            nullable=False,
        ),
    ),
)

STABILITY_RUNS_TABLE = TableSpec(
    schema="clusters",
    name="stability_runs",
    description="the runs behind the stability: other seeds for the chosen k, draws for other k",
    slice_by=SLICE,
    rows_per=("snapshot", "study", "measure", "k", "seed"),
    columns=(
        SNAPSHOT,
        STUDY,
        Column(
            name="measure",
            type="text",
            description="inertia, adjusted_rand_index (of the study's starts with the kept fit), "
            "single_start_rand_index (of one start), worst_jaccard, smallest_cluster",
            nullable=False,
        ),
        Column(name="k", type="integer", description="number of clusters", nullable=False),
        Column(name="seed", type="integer", description="random_state of the run", nullable=False),
        Column(name="value", type="float", description="value of the measure; NULL if it is not defined"),
    ),
)

_SHARE = [pa.Check.in_range(0.0, 1.0)]
K_SCORES_SCHEMA = schema_for(
    K_SCORES_TABLE,
    {"k": [pa.Check.ge(2)], "inertia": [pa.Check.ge(0.0)], "silhouette": [pa.Check.in_range(-1.0, 1.0)]},
)
FITS_SCHEMA = schema_for(FITS_TABLE)
MODELS_SCHEMA = schema_for(
    MODELS_TABLE,
    {
        "cluster": [pa.Check.ge(0)],
        "transform": [pa.Check.isin(["identity", "log1p"])],
        "scale": [pa.Check.gt(0.0)],
    },
)
CONTINUITY_SCHEMA = schema_for(
    CONTINUITY_TABLE,
    {
        "cluster": [pa.Check.ge(0)],
        "segment_id": [pa.Check.ge(1)],
        "start": [pa.Check.isin(["cold", "catalog", "earlier snapshot"])],
        "overlap": _SHARE,
    },
)
ASSIGNMENTS_SCHEMA = schema_for(
    ASSIGNMENTS_TABLE,
    {
        "cluster": [pa.Check.ge(0)],
        "distance": [pa.Check.ge(0.0)],
        "margin": _SHARE,
        "runner_up": [pa.Check.ge(0)],
        "runner_up_margin": _SHARE,
    },
)
STABILITY_SCHEMA = schema_for(
    STABILITY_TABLE,
    {
        "cluster": [pa.Check.ge(0)],
        "jaccard": _SHARE,
        "standard_error": [pa.Check.ge(0.0)],
        "share_dissolved": _SHARE,
        "share_recovered": _SHARE,
        "jaccard_cold": _SHARE,
        "share_of_draws": _SHARE,
        "silhouette": [pa.Check.in_range(-1.0, 1.0)],
        "profiles": [pa.Check.ge(0)],
    },
)
STABILITY_RUNS_SCHEMA = schema_for(STABILITY_RUNS_TABLE, {"k": [pa.Check.ge(2)]})
