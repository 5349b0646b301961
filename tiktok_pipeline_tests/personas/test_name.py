"""Names come from the features of a cluster, never from its number; a cluster without a match is unnamed."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tiktok_pipeline.personas.name import log_ratios, name_clusters
from tiktok_pipeline.recipes.personas import Persona, PersonaCatalog
from tiktok_pipeline_tests.hypothesis_profiles import examples


def persona(name: str, profiles: int, **typical: float) -> Persona:
    return Persona(
        name=name,
        description=f"{name} described",
        strategic_value=f"{name} valued",
        recommendation=f"{name} advised",
        profiles=profiles,
        typical=typical,
    )


CATALOG = PersonaCatalog(
    personas=(
        persona("small and loud", 60, followers=500.0, rate=0.30, verified=0.0),
        persona("middling", 30, followers=20_000.0, rate=0.05, verified=0.0),
        persona("famous", 10, followers=2_000_000.0, rate=0.01, verified=0.4),
    )
)
MEANS = [dict(persona.typical) for persona in CATALOG.personas]
NAMES = [persona.name for persona in CATALOG.personas]


def times(factor: float, means: Mapping[str, float]) -> dict[str, float]:
    return {name: factor * value for name, value in means.items()}


def test_the_published_means_get_the_published_names_at_distance_zero() -> None:
    found = name_clusters(dict(enumerate(MEANS)), CATALOG.base, CATALOG)
    assert [found[cluster].name for cluster in range(3)] == NAMES
    assert [found[cluster].distance for cluster in range(3)] == pytest.approx([0.0] * 3, abs=1e-12)
    assert [found[cluster].persona for cluster in range(3)] == list(CATALOG.personas)


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_the_number_of_a_cluster_does_not_matter(order: tuple[int, ...]) -> None:
    found = name_clusters({10 * place: MEANS[one] for place, one in enumerate(order)}, CATALOG.base, CATALOG)
    assert {cluster: match.name for cluster, match in found.items()} == {
        10 * place: NAMES[one] for place, one in enumerate(order)
    }


def test_a_snapshot_of_larger_creators_keeps_its_names() -> None:
    larger = {cluster: times(3.0, means) for cluster, means in enumerate(MEANS)}
    found = name_clusters(larger, times(3.0, CATALOG.base), CATALOG)
    assert [found[cluster].name for cluster in range(3)] == NAMES


def test_the_distance_is_the_root_mean_square_of_log_ratios() -> None:
    # ten times the followers, the rest as published: one of three ratios differs by 1
    famous = MEANS[2] | {"followers": 2_000.0}
    wide = PersonaCatalog(personas=(CATALOG.personas[2],), max_distance=10.0)
    base = {"followers": 20_000.0, "rate": 0.01, "verified": 0.4}
    found = name_clusters({0: famous}, base, wide)[0]
    assert found.distance == pytest.approx(math.sqrt(1 / 3))


def test_a_cluster_beyond_max_distance_is_unnamed_and_numbered_from_one() -> None:
    strange = {"followers": 500.0, "rate": 0.0001, "verified": 0.9}
    found = name_clusters({0: MEANS[0], 1: strange, 2: MEANS[2]}, CATALOG.base, CATALOG)
    assert (found[1].name, found[1].persona, found[1].distance) == ("Unnamed segment 2", None, None)
    assert [found[0].name, found[2].name] == ["small and loud", "famous"]


@pytest.mark.parametrize(("factor", "name"), [(2.9, "middling"), (3.6, "Unnamed segment 1")])
def test_the_catalog_sets_max_distance(factor: float, name: str) -> None:
    # all three ratios are off by the factor, so the distance is its logarithm; the gate is half a decade
    only = PersonaCatalog(personas=(persona("middling", 1, followers=100.0, rate=0.05, verified=0.1),))
    assert name_clusters({0: times(factor, only.base)}, only.base, only)[0].name == name


def test_more_clusters_than_personas_leave_the_worst_matches_unnamed() -> None:
    means = [MEANS[0], MEANS[1], times(1.2, MEANS[1]), MEANS[2], times(1.3, MEANS[1])]
    found = name_clusters(dict(enumerate(means)), CATALOG.base, CATALOG)
    assert [found[cluster].name for cluster in range(5)] == [
        "small and loud",
        "middling",
        "Unnamed segment 3",
        "famous",
        "Unnamed segment 5",
    ]


def test_as_many_clusters_are_named_as_max_distance_allows() -> None:
    """The pair (0, a) is nearest, but then 1 and b are too far apart; crosswise all four are within max_distance."""

    def at(x: float, y: float) -> dict[str, float]:
        return {"x": 10**x, "y": 10**y}

    pair = PersonaCatalog(personas=(persona("a", 1, **at(0.14, 0.0)), persona("b", 1, **at(-0.3, 0.56))))
    found = name_clusters({0: at(0.0, 0.0), 1: at(0.5, 0.56)}, pair.base, pair)
    assert [found[0].name, found[1].name] == ["b", "a"]


def test_fewer_clusters_than_personas_get_the_nearest() -> None:
    assert name_clusters({4: MEANS[2]}, CATALOG.base, CATALOG)[4].name == "famous"


def test_name_clusters_of_no_clusters_is_empty() -> None:
    assert name_clusters({}, CATALOG.base, CATALOG) == {}


@pytest.mark.parametrize(
    ("mean", "base", "ratio"),
    [
        (0.0, 5.0, -2.0),
        (5.0, 0.0, 2.0),
        (0.0, 0.0, 0.0),
        (math.nan, 5.0, 0.0),
        (5.0, math.nan, 0.0),
        (10.0, 1.0, 1.0),
        (1.0, 10.0, -1.0),
        (1e9, 1.0, 2.0),
        (1e-9, 1.0, -2.0),
        (5e-324, 1e6, -2.0),
    ],
)
def test_log_ratios_are_clipped_to_a_hundredfold(mean: float, base: float, ratio: float) -> None:
    assert log_ratios({"x": mean}, {"x": base}, ("x",)) == [pytest.approx(ratio)]


def test_a_missing_feature_has_log_ratio_zero() -> None:
    assert log_ratios({}, {}, ("x", "y")) == [0.0, 0.0]


@settings(max_examples=examples(50), deadline=None)
@given(
    st.dictionaries(
        st.integers(0, 20),
        st.fixed_dictionaries(dict.fromkeys(CATALOG.features, st.floats(0, 1e7) | st.just(math.nan))),
        max_size=6,
    )
)
def test_every_cluster_has_one_name_within_max_distance(means: dict[int, dict[str, float]]) -> None:
    found = name_clusters(means, CATALOG.base, CATALOG)
    assert set(found) == set(means)
    assert len({match.name for match in found.values()}) == len(means)
    for cluster, match in found.items():
        if match.persona is None:
            assert match.name == f"Unnamed segment {cluster + 1}"
        else:
            assert match.distance is not None
            assert match.distance <= CATALOG.max_distance
            assert match.name == match.persona.name


RANGED = PersonaCatalog(
    personas=(
        replace(CATALOG.personas[0], ranges={"followers": (None, 1_000.0)}),
        replace(CATALOG.personas[1], ranges={"followers": (5_000.0, 100_000.0), "rate": (0.01, None)}),
        CATALOG.personas[2],
    )
)


@pytest.mark.parametrize(
    ("followers", "rate", "name"),
    [
        (5_000.0, 0.05, "middling"),
        (100_000.0, 0.05, "middling"),
        (20_000.0, 0.01, "middling"),
        (math.nextafter(5_000.0, 0.0), 0.05, "Unnamed segment 1"),
        (math.nextafter(100_000.0, math.inf), 0.05, "Unnamed segment 1"),
        (20_000.0, math.nextafter(0.01, 0.0), "Unnamed segment 1"),
        (math.nan, 0.05, "Unnamed segment 1"),
    ],
)
@pytest.mark.parametrize("carried", [{}, {0: "middling"}], ids=["new", "carried"])
def test_a_name_must_fit_absolutely(followers: float, rate: float, name: str, carried: dict[int, str]) -> None:
    """The means are those of the persona in each case; only the medians decide."""
    medians = {0: {"followers": followers, "rate": rate}}
    found = name_clusters({0: MEANS[1]}, CATALOG.base, RANGED, medians=medians, carried=carried)
    assert found[0].name == name


def test_without_medians_no_persona_with_ranges_matches() -> None:
    found = name_clusters(dict(enumerate(MEANS)), CATALOG.base, RANGED)
    assert [found[cluster].name for cluster in range(3)] == ["Unnamed segment 1", "Unnamed segment 2", "famous"]


def test_an_empty_range_is_refused() -> None:
    with pytest.raises(ValueError, match="range of followers is 5 to 4"):
        replace(CATALOG.personas[0], ranges={"followers": (5, 4)})


def test_the_base_is_weighted_by_the_sizes() -> None:
    pair = PersonaCatalog(personas=(persona("a", 3, x=1.0), persona("b", 1, x=5.0)))
    assert pair.base == {"x": 2.0}
    assert pair.features == ("x",)


@pytest.mark.parametrize(
    ("personas", "problem"),
    [
        ((), "expected at least one"),
        ((persona("a", 1, x=1.0), persona("a", 1, x=2.0)), "a name of its own"),
        ((persona("a", 1, x=1.0), persona("b", 1, y=2.0)), r"'b': described by \['y'\], the others by \['x'\]"),
        ((persona("a", 1, x=1.0), persona("b", 1, x=1.0, y=2.0)), r"'b': described by \['x', 'y'\]"),
        ((persona("a", 0, x=1.0),), "'a': profiles is 0, expected at least 1"),
    ],
)
def test_a_wrong_catalog_raises(personas: tuple[Persona, ...], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        PersonaCatalog(personas=personas)
