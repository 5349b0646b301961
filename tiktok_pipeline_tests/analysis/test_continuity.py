"""Segments hold still from snapshot to snapshot, whatever the order of arrival."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Literal

import numpy as np
import pandas as pd
import pytest

from tiktok_pipeline.analysis.continuous_fit import fit_continuously
from tiktok_pipeline.analysis.earlier_fit import (
    EarlierFit,
    model_fingerprint,
    read_earlier_fit,
    stale_continuations,
)
from tiktok_pipeline.analysis.segmentation import carried_names
from tiktok_pipeline.clusters.model import fit_scaler, to_frame
from tiktok_pipeline.clusters.schema import CONTINUITY_TABLE, MODELS_TABLE
from tiktok_pipeline.personas.schema import SUMMARIES_TABLE
from tiktok_pipeline.recipes.personas import Persona, PersonaCatalog
from tiktok_pipeline.recipes.segmentation import Segmentation
from tiktok_pipeline.study import Study, with_continuity
from tiktok_pipeline.warehouse.duckdb.warehouse import DuckDBWarehouse

FEATURES = ("log_followers", "log_likes")
PERSONAS = PersonaCatalog(
    personas=tuple(
        Persona(
            name=name,
            description="A.",
            strategic_value="A.",
            recommendation="A.",
            profiles=1,
            typical={"log_followers": size, "log_likes": size},
        )
        for name, size in (("Small", 2.0), ("Medium", 6.0), ("Large", 10.0))
    )
)
SEGMENTATION = Segmentation(features=FEATURES, k=3, personas=PERSONAS, continuity="warm", n_init=2)
STUDY = Study(name="by_size", question="?", published_in="-", segmentation=SEGMENTATION)


def continuum(rows: int = 300, seed: int = 0, shift: float = 0.0) -> pd.DataFrame:
    """Creators without islands: a fit from nothing has many optima."""
    generator = np.random.default_rng(seed)
    values = generator.uniform(0.0, 12.0, size=(rows, 2)) + shift
    return pd.DataFrame(values, columns=list(FEATURES))


@pytest.mark.parametrize(
    ("own", "wanted", "continuity", "first_fit"),
    [
        ("warm", "study", "warm", "catalog"),
        ("published", "study", "published", "catalog"),
        ("warm", "warm", "warm", "catalog"),
        ("published", "warm", "warm", "cold"),  # the first snapshot keeps the published fit
        ("warm", "published", "published", "catalog"),
    ],
)
def test_a_setting_changes_the_continuity_of_every_basis(
    own: Literal["warm", "published"], wanted: str, continuity: str, first_fit: str
) -> None:
    basis = replace(SEGMENTATION, continuity=own, basis="one")
    study = replace(STUDY, segmentation=replace(basis, fallback=replace(basis, basis="other")))
    (made,) = with_continuity([study], wanted)
    assert made.segmentation is not None
    assert {(found.continuity, found.first_fit) for found in made.segmentation.bases} == {(continuity, first_fit)}
    assert (made.version == study.version) == (own == continuity), "a refresh notices the change by the version"
    assert with_continuity([made], wanted) == (made,)


def test_a_published_study_that_goes_on_is_fitted_from_nothing_once() -> None:
    (study,) = with_continuity([replace(STUDY, segmentation=replace(SEGMENTATION, continuity="published"))], "warm")
    assert study.segmentation is not None
    rows = continuum()
    scaled_by = fit_scaler(rows, features=FEATURES, scaling=SEGMENTATION.scaling)
    first = fit_continuously(rows, scaled_by=scaled_by, segmentation=study.segmentation, earlier=None)
    published = replace(SEGMENTATION, continuity="published")
    by_source = fit_continuously(rows, scaled_by=scaled_by, segmentation=published, earlier=None)
    np.testing.assert_array_equal(first.fit.labels, by_source.fit.labels)
    assert set(first.continuity["start"]) == {"cold"}
    later = fit_continuously(rows, scaled_by=scaled_by, segmentation=study.segmentation, earlier=earlier_fit(rows))
    assert set(later.continuity["start"]) == {"earlier snapshot"}


def earlier_fit(rows: pd.DataFrame, snapshot: str = "2024-03-01") -> EarlierFit:
    scaled_by = fit_scaler(rows, features=FEATURES, scaling=SEGMENTATION.scaling)
    made = fit_continuously(rows, scaled_by=scaled_by, segmentation=SEGMENTATION, earlier=None)
    names = {0: "Small", 1: "Unnamed segment 2", 2: "Large"}
    ids = dict(zip(made.continuity["cluster"], made.continuity["segment_id"], strict=True))
    return EarlierFit(snapshot, made.fit.model, model_fingerprint(to_frame(made.fit.model)), ids, names)


def test_the_same_creators_keep_every_segment() -> None:
    rows = continuum()
    earlier = earlier_fit(rows)
    scaled_by = fit_scaler(rows, features=FEATURES, scaling=SEGMENTATION.scaling)
    again = fit_continuously(rows, scaled_by=scaled_by, segmentation=SEGMENTATION, earlier=earlier)
    assert set(again.continuity["start"]) == {"earlier snapshot"}
    assert again.continuity["overlap"].tolist() == [1.0, 1.0, 1.0]
    assert again.continuity["segment_id"].tolist() == [1, 2, 3]
    assert model_fingerprint(to_frame(again.fit.model)) == earlier.fingerprint


def test_without_continuity_a_fit_starts_from_nothing() -> None:
    rows = continuum()
    scaled_by = fit_scaler(rows, features=FEATURES, scaling=SEGMENTATION.scaling)
    published = replace(SEGMENTATION, continuity="published")
    made = fit_continuously(rows, scaled_by=scaled_by, segmentation=published, earlier=None)
    assert set(made.continuity["start"]) == {"cold"}
    assert made.inertia_warm is None
    assert not made.continuity["is_regime_change"].any()


def test_the_first_fit_starts_from_the_catalog() -> None:
    rows = pd.concat(
        [continuum(100, seed) * 0.1 + center for seed, center in enumerate((1.5, 5.5, 9.5))], ignore_index=True
    )
    scaled_by = fit_scaler(rows, features=FEATURES, scaling=SEGMENTATION.scaling)
    made = fit_continuously(rows, scaled_by=scaled_by, segmentation=SEGMENTATION, earlier=None)
    assert made.inertia_warm is not None
    assert made.inertia_warm <= 1.01 * made.inertia_cold
    assert set(made.continuity["start"]) == {"catalog"}
    assert made.fit.model.centroids[:, 0].tolist() == sorted(made.fit.model.centroids[:, 0]), (
        "numbered as the catalog"
    )


def test_another_world_is_a_regime_change_with_new_identities() -> None:
    calm = pd.concat([continuum(100, seed) * 0.02 + center for seed, center in enumerate((0.0, 5.0, 10.0))])
    earlier = earlier_fit(calm.reset_index(drop=True))
    corners = pd.DataFrame([(0.0, 20.0), (20.0, 0.0), (20.0, 20.0)], columns=list(FEATURES))
    parts = [continuum(100, seed) * 0.02 + corner.to_numpy() for seed, (_, corner) in enumerate(corners.iterrows())]
    rows = pd.concat(parts, ignore_index=True)
    scaled_by = fit_scaler(rows, features=FEATURES, scaling=SEGMENTATION.scaling)
    # The start from far away ends in a bad optimum; one from nothing finds the corners.
    bad = replace(earlier, model=replace(earlier.model, centroids=np.array([[9.0, 9.0], [9.1, 9.0], [9.0, 9.1]])))
    made = fit_continuously(rows, scaled_by=scaled_by, segmentation=SEGMENTATION, earlier=bad)
    assert made.inertia_warm is not None
    assert made.inertia_warm > 1.01 * made.inertia_cold
    assert made.continuity["is_regime_change"].all()
    new = made.continuity[made.continuity["earlier_cluster"].isna()]
    assert len(new) > 0
    assert (new["segment_id"] > 3).all()
    assert not made.continuity["segment_id"].duplicated().any()


def test_names_are_carried_by_the_earlier_cluster() -> None:
    earlier = earlier_fit(continuum())
    continuity = pd.DataFrame({"cluster": [0, 1, 2], "earlier_cluster": pd.array([2, pd.NA, 0], dtype="Int64")})
    assert carried_names(continuity, earlier) == {0: "Large", 2: "Small"}
    assert carried_names(continuity, None) == {}


@pytest.fixture
def warehouse() -> Iterator[DuckDBWarehouse]:
    with DuckDBWarehouse(None) as opened:
        yield opened


def store(warehouse: DuckDBWarehouse, snapshot: str, rows: pd.DataFrame) -> None:
    """Compute and store the model of a snapshot, as the asset does."""
    earlier = read_earlier_fit(warehouse, STUDY, snapshot, SEGMENTATION)
    scaled_by = fit_scaler(rows, features=FEATURES, scaling=SEGMENTATION.scaling)
    made = fit_continuously(rows, scaled_by=scaled_by, segmentation=SEGMENTATION, earlier=earlier)
    slice_ = {"snapshot": snapshot, "study": STUDY.name}
    warehouse.replace_slice(MODELS_TABLE, slice_, to_frame(made.fit.model))
    warehouse.replace_slice(CONTINUITY_TABLE, slice_, made.continuity)


def stored_models(warehouse: DuckDBWarehouse) -> dict[str, str]:
    models = {}
    for snapshot in ("2024-03-01", "2024-04-01", "2024-05-01"):
        rows = warehouse.read_slice(MODELS_TABLE, {"snapshot": snapshot, "study": STUDY.name})
        models[snapshot] = model_fingerprint(rows.collect("pandas").to_native())
    return models


def test_a_late_snapshot_makes_its_successor_stale_and_the_order_of_arrival_does_not_matter() -> None:
    scrapes = {f"2024-0{month}-01": continuum(200, seed=month, shift=0.1 * month) for month in (3, 4, 5)}
    with DuckDBWarehouse(None) as in_order, DuckDBWarehouse(None) as late:
        for snapshot, rows in scrapes.items():
            store(in_order, snapshot, rows)
            assert stale_continuations(in_order, [STUDY], [snapshot]) == {}
        store(late, "2024-03-01", scrapes["2024-03-01"])
        store(late, "2024-05-01", scrapes["2024-05-01"])
        store(late, "2024-04-01", scrapes["2024-04-01"])
        assert stale_continuations(late, [STUDY], ["2024-04-01"]) == {"2024-05-01": ["by_size"]}
        store(late, "2024-05-01", scrapes["2024-05-01"])
        assert stale_continuations(late, [STUDY], ["2024-03-01", "2024-04-01", "2024-05-01"]) == {}
        assert stored_models(late) == stored_models(in_order)


def test_a_snapshot_before_the_first_makes_it_stale_and_a_pruned_one_does_not(warehouse: DuckDBWarehouse) -> None:
    store(warehouse, "2024-04-01", continuum(seed=4))
    store(warehouse, "2024-05-01", continuum(seed=5))
    warehouse.drop_snapshots([MODELS_TABLE, CONTINUITY_TABLE, SUMMARIES_TABLE], ["2024-04-01"])
    assert stale_continuations(warehouse, [STUDY], ["2024-05-01"]) == {}
    store(warehouse, "2024-03-01", continuum(seed=3))
    assert stale_continuations(warehouse, [STUDY], ["2024-03-01"]) == {}, "it went on from a later one"
    store(warehouse, "2024-06-01", continuum(seed=6))
    warehouse.drop_snapshots([MODELS_TABLE, CONTINUITY_TABLE, SUMMARIES_TABLE], ["2024-03-01", "2024-05-01"])
    assert read_earlier_fit(warehouse, STUDY, "2024-06-01", SEGMENTATION) is None
