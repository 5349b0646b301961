"""Gives clusters the names of a study's personas, by what they look like beside the average of their snapshot.

Both a persona and a cluster are described by the decimal logarithm of mean / average of the population, for each
feature of the catalogue. Names are given so that the sum of distances is least (Kuhn 1955, the Hungarian method); a
pair farther apart than the gate is no match: a cluster without a match is "Unnamed segment N", never a wrong name.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from tiktok_pipeline.recipes.personas import Persona, PersonaCatalogue

LARGEST_LOG_RATIO = 2.0
"""Beyond a hundredfold, more is no further difference; also what a mean of zero counts as."""


@dataclass(frozen=True)
class Match:
    """The name of a cluster, the persona behind it (None: unnamed) and the distance to it."""

    name: str
    persona: Persona | None
    distance: float | None


def log_ratios(means: Mapping[str, float], base: Mapping[str, float], features: tuple[str, ...]) -> list[float]:
    """Decimal logarithm of mean / base for each feature, held to [-2, 2]; 0 where both are zero or one is missing."""
    return [_log_ratio(means.get(name, math.nan), base.get(name, math.nan)) for name in features]


def _log_ratio(mean: float, base: float) -> float:
    if math.isnan(mean) or math.isnan(base) or (mean <= 0 and base <= 0):
        return 0.0
    if mean <= 0 or base <= 0:
        return -LARGEST_LOG_RATIO if mean <= 0 else LARGEST_LOG_RATIO
    return max(-LARGEST_LOG_RATIO, min(LARGEST_LOG_RATIO, math.log10(mean) - math.log10(base)))


def name_clusters(
    means: Mapping[int, Mapping[str, float]], base: Mapping[str, float], catalogue: PersonaCatalogue
) -> dict[int, Match]:
    """A name for each cluster; ``means`` and ``base`` are means of features over the fitted rows."""
    from scipy.optimize import linear_sum_assignment  # noqa: PLC0415 - importing it costs half a second

    clusters = sorted(means)
    if not clusters:
        return {}
    found = np.array([log_ratios(means[cluster], base, catalogue.features) for cluster in clusters])
    known = np.array(
        [log_ratios(persona.typical, catalogue.base, catalogue.features) for persona in catalogue.personas]
    )
    distances = np.sqrt(((found[:, None, :] - known[None, :, :]) ** 2).mean(axis=2))
    # A forbidden pair costs more than all allowed ones together, so it is taken only where nothing else is left.
    costs = np.where(distances <= catalogue.max_distance, distances, catalogue.max_distance * (len(clusters) + 1))
    matches: dict[int, Match] = {}
    for place, persona in zip(*linear_sum_assignment(costs), strict=True):
        distance = float(distances[place, persona])
        if distance <= catalogue.max_distance:
            chosen = catalogue.personas[persona]
            matches[clusters[place]] = Match(chosen.name, chosen, distance)
    for cluster in clusters:
        matches.setdefault(cluster, unnamed(cluster))
    return matches


def unnamed(cluster: int) -> Match:
    """The match of a cluster that is none of the personas."""
    return Match(f"Unnamed segment {cluster + 1}", None, None)
