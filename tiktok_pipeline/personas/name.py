"""Names clusters after a study's personas, by their features relative to the average.

A persona and a cluster are both described by decimal logarithms: the mean of a feature over its average in the
population. The names are assigned so that the sum of distances is smallest. A pair farther apart than the catalog's
``max_distance`` does not match, and neither does a cluster whose medians are outside the ranges of the persona: the
distance is relative, but a name says something absolute. A cluster without a match is "Unnamed segment N": no name is
better than a wrong one.

References
----------
H. W. Kuhn (1955), "The Hungarian method for the assignment problem".
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tiktok_pipeline.arrays import Matrix
from tiktok_pipeline.recipes.personas import Persona, PersonaCatalog

LARGEST_LOG_RATIO = 2.0
"""Largest absolute log ratio: a hundredfold. A mean of zero has this ratio, too."""


@dataclass(frozen=True)
class Match:
    """The name of a cluster, with its persona and the distance to it; both are None for an unnamed cluster."""

    name: str
    persona: Persona | None
    distance: float | None


def log_ratios(means: Mapping[str, float], base: Mapping[str, float], features: tuple[str, ...]) -> list[float]:
    """Return the decimal logarithm of mean / base for each feature.

    Values are clipped to [-2, 2]. The value is 0 if both are zero or either is missing.

    Examples
    --------
    >>> log_ratios({"likes": 1000.0}, {"likes": 10.0, "followers": 5.0}, ("likes", "followers"))
    [2.0, 0.0]
    """
    return [_log_ratio(means.get(name, math.nan), base.get(name, math.nan)) for name in features]


def _log_ratio(mean: float, base: float) -> float:
    if math.isnan(mean) or math.isnan(base) or (mean <= 0 and base <= 0):
        return 0.0
    if mean <= 0 or base <= 0:
        return -LARGEST_LOG_RATIO if mean <= 0 else LARGEST_LOG_RATIO
    return max(-LARGEST_LOG_RATIO, min(LARGEST_LOG_RATIO, math.log10(mean) - math.log10(base)))


def name_clusters(
    means: Mapping[int, Mapping[str, float]],
    base: Mapping[str, float],
    catalog: PersonaCatalog,
    *,
    medians: Mapping[int, Mapping[str, float]] | None = None,
    carried: Mapping[int, str] | None = None,
) -> dict[int, Match]:
    """Match each cluster with a persona.

    Parameters
    ----------
    means : mapping of int to mapping of str to float
        The means of the features of each cluster, over the fitted rows.
    base : mapping of str to float
        Their means over all clusters.
    catalog : PersonaCatalog
        The personas of the study.
    medians : mapping of int to mapping of str to float, optional
        The medians of the features of each cluster, over the fitted rows; only catalogs without ranges do without.
    carried : mapping of int to str, optional
        The names that clusters keep from an earlier snapshot, as long as their medians are in the ranges.

    Returns
    -------
    dict of int to Match
        The match of each cluster; every persona is used at most once.
    """
    from scipy.optimize import linear_sum_assignment  # noqa: PLC0415 - importing it costs half a second

    clusters = sorted(means)
    if not clusters:
        return {}
    observed = np.array([log_ratios(means[cluster], base, catalog.features) for cluster in clusters])
    expected = np.array([log_ratios(persona.typical, catalog.base, catalog.features) for persona in catalog.personas])
    distances = np.sqrt(((observed[:, None, :] - expected[None, :, :]) ** 2).mean(axis=2))
    fits = np.array([[persona.fits((medians or {}).get(c, {})) for persona in catalog.personas] for c in clusters])
    distances = np.where(fits, distances, np.inf)
    matches = _keep_names(carried or {}, clusters, distances, catalog)
    rest = [place for place, cluster in enumerate(clusters) if cluster not in matches]
    names = {match.name for match in matches.values()}
    free = [place for place, persona in enumerate(catalog.personas) if persona.name not in names]
    left = distances[np.ix_(rest, free)]
    # A forbidden pair costs more than all allowed ones together, so it is used only if no other is left.
    costs = np.where(left <= catalog.max_distance, left, catalog.max_distance * (len(clusters) + 1))
    for row, column in zip(*linear_sum_assignment(costs), strict=True):
        distance = float(left[row, column])
        if distance <= catalog.max_distance:
            chosen = catalog.personas[free[column]]
            matches[clusters[rest[row]]] = Match(chosen.name, chosen, distance)
    for cluster in clusters:
        matches.setdefault(cluster, unnamed(cluster))
    return matches


def _keep_names(
    carried: Mapping[int, str], clusters: Sequence[int], distances: Matrix, catalog: PersonaCatalog
) -> dict[int, Match]:
    """Return the matches of the clusters that keep an earlier name, which may be no persona's.

    A name that its cluster has outgrown, so that the distance is infinite, is not kept.
    """
    places = {persona.name: place for place, persona in enumerate(catalog.personas)}
    matches = {}
    for row, cluster in enumerate(clusters):
        name = carried.get(cluster)
        if name is None:
            continue
        place = places.get(name)
        if place is None:
            matches[cluster] = Match(name, None, None)
        elif math.isfinite(distances[row, place]):
            matches[cluster] = Match(name, catalog.personas[place], float(distances[row, place]))
    return matches


def unnamed(cluster: int) -> Match:
    """Return the match of a cluster that resembles no persona."""
    return Match(f"Unnamed segment {cluster + 1}", None, None)
