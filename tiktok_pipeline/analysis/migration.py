"""Tells how the creators of a study went from segment to segment: whether they moved, or the model did.

The earlier model assigns the new rows too. A creator moved if it gives the old and the new row different segments.
The model moved if both models give the new row different segments.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import pairwise
from typing import Any, NamedTuple

import narwhals as nw
import numpy as np
import pandas as pd

from tiktok_pipeline.analysis.creator_tables import contents
from tiktok_pipeline.analysis.earlier_fit import model_fingerprint
from tiktok_pipeline.clusters.model import SegmentModel, assign, from_frame
from tiktok_pipeline.clusters.schema import ASSIGNMENTS_TABLE, MODELS_TABLE
from tiktok_pipeline.creators.schema import IDENTITIES_TABLE, MOVES_TABLE
from tiktok_pipeline.features.catalog import FEATURES_BY_NAME, feature_label
from tiktok_pipeline.frames import to_pandas
from tiktok_pipeline.personas.schema import LIFECYCLE_TABLE, MIGRATIONS_TABLE, SUMMARIES_TABLE
from tiktok_pipeline.personas.transitions import JOINT_COLUMNS, lifecycle, migrations
from tiktok_pipeline.personas.verdict import NOT_ENOUGH_DATA
from tiktok_pipeline.study import Study
from tiktok_pipeline.warehouse.base import TableSpec, Warehouse

Rows = nw.LazyFrame[Any]

NO_EARLIER_MODEL = "no earlier snapshot has a model of the study"
NO_MODEL = "the snapshot has no model of the study"
_NO_CLUSTER = -1


class MigrationTables(NamedTuple):
    """Rows of ``creators.moves``, ``personas.migrations`` and ``personas.lifecycle``; why they are empty, if so."""

    moves: Rows | pd.DataFrame
    migrations: pd.DataFrame
    lifecycle: pd.DataFrame
    why_empty: str | None = None


@dataclass(frozen=True)
class StudySegments:
    """The segments of a study in one snapshot: the model, its hash, and the name of each cluster."""

    snapshot: str
    model: SegmentModel
    fingerprint: str
    personas: Mapping[int, str]

    @property
    def names(self) -> list[str]:
        """The names of the segments, in the order of the clusters."""
        return [self.personas[cluster] for cluster in sorted(self.personas)]


def read_segments(warehouse: Warehouse, study: Study, snapshot: str) -> StudySegments | None:
    """Return the segments of a study in a snapshot; None without a model."""
    models = _read(warehouse, MODELS_TABLE, study, snapshot)
    model = from_frame(models)
    if model is None:
        return None
    rows = _read(warehouse, SUMMARIES_TABLE, study, snapshot).dropna(subset=["cluster"]).to_dict("records")
    named = {int(row["cluster"]): str(row["persona"]) for row in rows}
    personas = {cluster: named.get(cluster, f"Segment {cluster + 1}") for cluster in range(len(model.centroids))}
    return StudySegments(snapshot, model, model_fingerprint(models), personas)


def earlier_segments(warehouse: Warehouse, study: Study, snapshot: str) -> StudySegments | None:
    """Return the segments of the nearest earlier snapshot with a model of the study."""
    earlier = [
        stored.snapshot
        for stored in warehouse.slices()
        if stored.table == str(MODELS_TABLE) and stored.study == study.name and stored.rows
    ]
    nearest = max((key for key in earlier if key < snapshot), default=None)
    return read_segments(warehouse, study, nearest) if nearest else None


def content_compared(warehouse: Warehouse, before: StudySegments, snapshot: str) -> str:
    """Return a hash of what a comparison with the segments ``before`` reads of both snapshots."""
    known = contents(warehouse)
    return f"{before.fingerprint} {known.get(before.snapshot, '')} {known.get(snapshot, '')}"


def migrate_study(warehouse: Warehouse, study: Study, snapshot: str, features: Rows) -> MigrationTables:
    """Compare the segments of a study with those of the nearest earlier snapshot that has a model of it.

    Parameters
    ----------
    warehouse : Warehouse
        The warehouse with both snapshots.
    study : Study
        A study with a segmentation.
    snapshot : str
        The later snapshot.
    features : LazyFrame
        Its rows of ``features.<source>``.
    """
    now = read_segments(warehouse, study, snapshot)
    before = earlier_segments(warehouse, study, snapshot)
    if now is None or before is None:
        return MigrationTables(
            pd.DataFrame(columns=MOVES_TABLE.frame_names),
            pd.DataFrame(columns=MIGRATIONS_TABLE.frame_names),
            pd.DataFrame(columns=LIFECYCLE_TABLE.frame_names),
            NO_MODEL if now is None else NO_EARLIER_MODEL,
        )
    paired = warehouse.persist(_pairs(warehouse, study, before, now, features))
    joint = _joint(paired, before, now)
    return MigrationTables(
        moves=_moves(paired, before, now),
        migrations=migrations(
            joint,
            _departed(warehouse, study, before, joint),
            previous_snapshot=before.snapshot,
            previous_content=content_compared(warehouse, before, snapshot),
        ),
        lifecycle=lifecycle(
            joint,
            segments_before=before.names,
            segments=now.names,
            shifts=_shifts(before, now),
            previous_snapshot=before.snapshot,
        ),
    )


def _pairs(warehouse: Warehouse, study: Study, before: StudySegments, now: StudySegments, features: Rows) -> Rows:
    """Return each creator of the snapshot with the three clusters, -1 for none, and both margins."""
    is_out = nw.lit(value=False)
    columns = sorted({*before.model.features, *now.model.features})
    new = assign(features.select("account_id", *columns), now.model, in_fit=is_out, keep=before.model.features)
    renamed = new.rename({"cluster": "now", "margin": "margin_now"}).drop("in_fit", "distance")
    both = assign(renamed, before.model, in_fit=is_out, keep=("now", "margin_now"))
    assigned = both.select("account_id", "now", "margin_now", nw.col("cluster").alias("by_earlier_model"))
    links = _links(warehouse, before.snapshot, now.snapshot)
    old = warehouse.read_slice(ASSIGNMENTS_TABLE, {"snapshot": before.snapshot, "study": study.name}).select(
        nw.col("account_id").alias("previous_account_id"),
        nw.col("cluster").alias("before"),
        nw.col("margin").alias("margin_before"),
        nw.lit(value=True).alias("was_there"),
    )
    there = links.join(old, on="previous_account_id", how="inner")
    paired = assigned.join(there, on="account_id", how="left")
    return paired.with_columns(
        nw.col("was_there").fill_null(value=False),
        *(nw.col(name).fill_null(_NO_CLUSTER) for name in ("before", "by_earlier_model", "now")),
    )


def _links(warehouse: Warehouse, earlier: str, snapshot: str) -> Rows:
    """Return the handle, the creator and the earlier handle of each creator of both snapshots."""
    own = warehouse.read_slice(IDENTITIES_TABLE, {"snapshot": snapshot}).select("account_id", "creator_id")
    there = warehouse.read_slice(IDENTITIES_TABLE, {"snapshot": earlier}).select(
        "creator_id", nw.col("account_id").alias("previous_account_id")
    )
    return own.join(there, on="creator_id", how="inner")


def _joint(paired: Rows, before: StudySegments, now: StudySegments) -> pd.DataFrame:
    """Count the creators of each combination of segments, by name."""
    keys = list(JOINT_COLUMNS[:-1])
    counts = to_pandas(paired.group_by(keys).agg(nw.len().alias("creators")).sort(keys))
    old = {**before.personas, _NO_CLUSTER: NOT_ENOUGH_DATA}
    new = {**now.personas, _NO_CLUSTER: NOT_ENOUGH_DATA}
    return counts.assign(
        was_there=counts["was_there"].astype(bool),
        before=counts["before"].astype(int).map(old),
        by_earlier_model=counts["by_earlier_model"].astype(int).map(old),
        now=counts["now"].astype(int).map(new),
        creators=counts["creators"].astype(int),
    )


def _departed(warehouse: Warehouse, study: Study, before: StudySegments, joint: pd.DataFrame) -> dict[str, int]:
    """Return the creators of each earlier segment that are not in the snapshot."""
    old = warehouse.read_slice(ASSIGNMENTS_TABLE, {"snapshot": before.snapshot, "study": study.name})
    sizes = to_pandas(old.group_by("cluster").agg(nw.len().alias("creators")))
    stayed = joint[joint["was_there"]].groupby("before")["creators"].sum()
    names = {**before.personas, _NO_CLUSTER: NOT_ENOUGH_DATA}
    clusters = sizes["cluster"].fillna(_NO_CLUSTER).astype(int)
    return {
        names[cluster]: int(creators) - int(stayed.get(names[cluster], 0))
        for cluster, creators in zip(clusters, sizes["creators"], strict=True)
    }


def _moves(paired: Rows, before: StudySegments, now: StudySegments) -> Rows:
    """Return rows of ``creators.moves``."""
    named = paired.filter(nw.col("was_there")).with_columns(
        _named("before", before.personas).alias("persona_before"),
        _named("by_earlier_model", before.personas).alias("persona_by_earlier_model"),
        _named("now", now.personas).alias("persona"),
    )
    marked = named.with_columns(
        (nw.col("persona_before") != nw.col("persona_by_earlier_model")).alias("creator_moved"),
        (nw.col("persona_by_earlier_model") != nw.col("persona")).alias("model_moved"),
        nw.lit(before.snapshot).alias("previous_snapshot"),
        nw.col("margin_now").alias("margin"),
    )
    return marked.filter(nw.col("creator_moved") | nw.col("model_moved")).select(MOVES_TABLE.frame_names)


def _named(column: str, personas: Mapping[int, str]) -> nw.Expr:
    def choose(otherwise: nw.Expr, item: tuple[int, str]) -> nw.Expr:
        return nw.when(nw.col(column) == item[0]).then(nw.lit(item[1])).otherwise(otherwise)

    return reduce(choose, personas.items(), nw.lit(NOT_ENOUGH_DATA))


def _shifts(before: StudySegments, now: StudySegments) -> dict[tuple[str, str], str]:
    """Return for each pair of segments the feature in which the centroids differ most, in its unit."""
    old, new = before.model, now.model
    if old.features != new.features or old.transforms != new.transforms:
        return {}
    there = old.centroids * old.scales + old.centers
    here = new.centroids * new.scales + new.centers
    shifts = {}
    for cluster, name in before.personas.items():
        for other, other_name in now.personas.items():
            place = int(np.argmax(np.abs(here[other] - there[cluster]) / old.scales))
            shifts[name, other_name] = _shift(old, place, float(there[cluster][place]), float(here[other][place]))
    return shifts


def _shift(model: SegmentModel, place: int, before: float, now: float) -> str:
    name = model.features[place]
    label = feature_label(name).removesuffix(" (log scale)")
    values = [before, now]
    if model.transforms[place] == "log1p":
        values = [float(np.expm1(value)) for value in values]
    unit = FEATURES_BY_NAME[name].unit if name in FEATURES_BY_NAME else ""
    if unit.startswith("ln("):
        values = [float(np.expm1(value)) for value in values]
    percent = " %" if "percent" in unit else ""
    first, last = (f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}" for value in values)
    return f"{label} as before: {first}{percent}" if first == last else f"{label} {first} to {last}{percent}"


def outdated_migrations(
    warehouse: Warehouse, studies: Sequence[Study], changed: Collection[str]
) -> dict[str, list[str]]:
    """Return the snapshots whose migrations were computed from something else than what is there now.

    Parameters
    ----------
    warehouse : Warehouse
        The warehouse.
    studies : sequence of Study
        The studies to look at.
    changed : collection of str
        The snapshots that were computed. Only what is compared with one of them can be outdated.

    Returns
    -------
    dict of str to list of str
        Snapshot to the names of its studies. A snapshot whose earlier one was pruned is not outdated.
    """
    outdated: dict[str, list[str]] = {}
    slices = warehouse.slices()
    for study in studies:
        of_study = [stored for stored in slices if stored.study == study.name]
        fitted = sorted(stored.snapshot for stored in of_study if stored.table == str(MODELS_TABLE) and stored.rows)
        compared = {stored.snapshot for stored in of_study if stored.table == str(MIGRATIONS_TABLE)}
        for earlier, snapshot in pairwise(fitted):
            if earlier in changed and snapshot in compared and _is_outdated(warehouse, study, earlier, snapshot):
                outdated.setdefault(snapshot, []).append(study.name)
    return outdated


def _is_outdated(warehouse: Warehouse, study: Study, earlier: str, snapshot: str) -> bool:
    before = read_segments(warehouse, study, earlier)
    rows = _read(warehouse, MIGRATIONS_TABLE, study, snapshot)
    if before is None or (len(rows) and rows["previous_snapshot"].iloc[0] > earlier):
        return False
    return set(rows["previous_content"]) != {content_compared(warehouse, before, snapshot)}


def _read(warehouse: Warehouse, table: TableSpec, study: Study, snapshot: str) -> pd.DataFrame:
    return to_pandas(warehouse.read_slice(table, {"snapshot": snapshot, "study": study.name}))
