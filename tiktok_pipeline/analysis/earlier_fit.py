"""What a study left behind in the nearest earlier snapshot: the model that its next fit goes on from.

Also finds the snapshots whose model went on from something else than what is there now: another snapshot arrived
between the two, or the earlier one was computed anew.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from tiktok_pipeline.clusters.model import SegmentModel, from_frame
from tiktok_pipeline.clusters.schema import CONTINUITY_TABLE, MODELS_TABLE
from tiktok_pipeline.frames import to_pandas
from tiktok_pipeline.personas.schema import SUMMARIES_TABLE
from tiktok_pipeline.recipes.segmentation import Segmentation
from tiktok_pipeline.study import Study
from tiktok_pipeline.warehouse.base import TableSpec, Warehouse


@dataclass(frozen=True)
class EarlierFit:
    """The fit of a study in an earlier snapshot.

    Parameters
    ----------
    snapshot : str
        The earlier snapshot.
    model : SegmentModel
        Its model.
    fingerprint : str
        A hash of the model's rows.
    segment_ids : mapping of int to int
        The identity of each cluster's segment.
    personas : mapping of int to str
        The name of each cluster's segment.
    """

    snapshot: str
    model: SegmentModel
    fingerprint: str
    segment_ids: Mapping[int, int]
    personas: Mapping[int, str]


def model_fingerprint(models: pd.DataFrame) -> str:
    """Return a short hash of rows of ``clusters.models``; equal models have equal hashes."""
    columns = [column.name for column in MODELS_TABLE.columns if column.name not in MODELS_TABLE.slice_by]
    ordered = models.sort_values(["cluster", "position"])[columns]
    return hashlib.sha256(ordered.to_csv(index=False, float_format="%.9g").encode()).hexdigest()[:16]


def read_earlier_fit(
    warehouse: Warehouse, study: Study, snapshot: str, segmentation: Segmentation
) -> EarlierFit | None:
    """Return the fit of the nearest earlier snapshot that a study with continuity goes on from.

    Parameters
    ----------
    warehouse : Warehouse
        The warehouse with the earlier snapshots.
    study : Study
        The study.
    snapshot : str
        The snapshot that is fitted now.
    segmentation : Segmentation
        The settings of the fit. An earlier model of other features, as of a study's fallback, is passed over.

    Returns
    -------
    EarlierFit or None
        None for a study without continuity, and if there is no such snapshot.
    """
    if segmentation.continuity != "warm":
        return None
    for earlier in sorted(_snapshots_with_models(warehouse, study), reverse=True):
        if earlier >= snapshot:
            continue
        models = _read(warehouse, MODELS_TABLE, earlier, study)
        model = from_frame(models)
        if model is None or set(model.features) != set(segmentation.features):
            continue
        continuity = _read(warehouse, CONTINUITY_TABLE, earlier, study)
        summaries = _read(warehouse, SUMMARIES_TABLE, earlier, study).dropna(subset=["cluster"])
        return EarlierFit(
            snapshot=earlier,
            model=model,
            fingerprint=model_fingerprint(models),
            segment_ids=_by_cluster(continuity, "segment_id")
            or {cluster: cluster + 1 for cluster in range(len(model.centroids))},
            personas=_by_cluster(summaries, "persona"),
        )
    return None


def stale_continuations(
    warehouse: Warehouse, studies: Sequence[Study], changed: Collection[str]
) -> dict[str, list[str]]:
    """Return the snapshots whose model has to be fitted again, because what it went on from has changed.

    A snapshot arrived between it and the earlier one, or the earlier one was computed anew. An earlier snapshot that
    was pruned makes nothing stale. A model from before there was continuity stays until it is computed again.

    Parameters
    ----------
    warehouse : Warehouse
        The warehouse.
    studies : sequence of Study
        The studies to look at.
    changed : collection of str
        The snapshots that were computed. Only the next snapshot after each of them can be stale.

    Returns
    -------
    dict of str to list of str
        Snapshot, in order, to the names of its stale studies.
    """
    stale: dict[str, list[str]] = {}
    for study in studies:
        if study.segmentation is None or study.segmentation.continuity != "warm":
            continue
        snapshots = _snapshots_with_models(warehouse, study)
        followers = {next((later for later in snapshots if later > key), None) for key in changed}
        for snapshot in sorted(follower for follower in followers if follower is not None):
            continuity = _read(warehouse, CONTINUITY_TABLE, snapshot, study)
            features = set(_read(warehouse, MODELS_TABLE, snapshot, study)["feature"])
            basis = next((basis for basis in study.segmentation.bases if set(basis.features) == features), None)
            if continuity.empty or basis is None:
                continue
            went_on_from = continuity[["earlier_snapshot", "earlier_model"]].iloc[0]
            if _is_stale(read_earlier_fit(warehouse, study, snapshot, basis), *went_on_from):
                stale.setdefault(snapshot, []).append(study.name)
    return dict(sorted(stale.items()))


def _is_stale(earlier: EarlierFit | None, snapshot: object, fingerprint: object) -> bool:
    """Return whether a fit that went on from ``snapshot`` should go on from ``earlier`` now."""
    if earlier is None:
        return False
    if not isinstance(snapshot, str):
        return True
    return earlier.snapshot > snapshot or (earlier.snapshot == snapshot and earlier.fingerprint != fingerprint)


def _snapshots_with_models(warehouse: Warehouse, study: Study) -> list[str]:
    """Return the snapshots in which the study has a model, oldest first."""
    return sorted(
        stored.snapshot
        for stored in warehouse.slices()
        if stored.table == str(MODELS_TABLE) and stored.study == study.name and stored.rows
    )


def _by_cluster(rows: pd.DataFrame, column: str) -> dict[int, Any]:
    return {int(row["cluster"]): row[column] for row in rows.to_dict("records")}


def _read(warehouse: Warehouse, table: TableSpec, snapshot: str, study: Study) -> pd.DataFrame:
    return to_pandas(warehouse.read_slice(table, {"snapshot": snapshot, "study": study.name}))
