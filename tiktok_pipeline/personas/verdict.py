"""The verdict on a segment: whether it can be planned with.

The only place for the thresholds and for the words. Tables, plots, the report and the documentation read them here.
Loading this module loads no library.

References
----------
C. Hennig (2007), "Cluster-wise assessment of cluster stability", Computational Statistics & Data Analysis 52(1).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

STABLE_JACCARD = 0.75
"""Smallest mean bootstrap Jaccard coefficient (0 to 1) of a stable segment."""

PATTERN_JACCARD = 0.6
"""Smallest mean bootstrap Jaccard coefficient (0 to 1) of a pattern."""

MIN_SEGMENT_PROFILES = 30
"""Fewest fitted profiles for which any statement about a group is made."""


@dataclass(frozen=True)
class Verdict:
    """One value of ``personas.summaries.verdict`` and its meaning.

    ``description`` addresses a reader who has to act on the segment. ``predicates`` complete the sentences
    "1 segment ..." and "2 segments ...".
    """

    label: str
    description: str
    predicates: tuple[str, str]


STABLE = Verdict(
    "stable",
    "Reliable: other samples of the same creators give the same segment.",
    ("is stable", "are stable"),
)
PATTERN = Verdict(
    "pattern",
    "A pattern: other samples give a similar segment with other members at its edges. Plan with its core.",
    ("is a pattern with moving edges", "are patterns with moving edges"),
)
UNSTABLE = Verdict(
    "unstable",
    "Not reliable: other samples of the same creators give other segments. Do not plan with it.",
    ("is unstable", "are unstable"),
)
TOO_SMALL = Verdict(
    "too small",
    f"Fewer than {MIN_SEGMENT_PROFILES} creators in the fit: treat them as examples, not as a group.",
    ("is too small to be a group", "are too small to be groups"),
)
NOT_MEASURED = Verdict(
    "not measured",
    "Not measured: the stability of this segment has not been tested.",
    ("has not been measured", "have not been measured"),
)
NO_SEGMENT = Verdict(
    "no segment",
    "No segment: these creators lack a value that the model needs.",
    ("has no segment", "have no segment"),
)

VERDICTS: Mapping[str, Verdict] = {
    verdict.label: verdict for verdict in (STABLE, PATTERN, UNSTABLE, TOO_SMALL, NOT_MEASURED, NO_SEGMENT)
}
"""Every verdict by its label, the most reliable first."""

JACCARD_THRESHOLDS: Mapping[float, Verdict] = {PATTERN_JACCARD: PATTERN, STABLE_JACCARD: STABLE}
"""The verdict that starts at each Jaccard coefficient, in ascending order; `UNSTABLE` is below the first."""


def segment_verdict(jaccard: float | None, profiles_in_fit: int) -> Verdict:
    """Judge a segment by its size and by its stability.

    Parameters
    ----------
    jaccard : float or None
        Mean bootstrap Jaccard coefficient, 0 to 1. None or NaN if it was not measured.
    profiles_in_fit : int
        Profiles of the segment that the model was fitted on. Size comes first: a segment of fewer than
        `MIN_SEGMENT_PROFILES` is too small, however stable it is.

    Returns
    -------
    Verdict
        One of the values of `VERDICTS`, but never `NO_SEGMENT`.

    Examples
    --------
    >>> segment_verdict(0.8, 200).label
    'stable'
    >>> segment_verdict(1.0, 3).label
    'too small'
    """
    return TOO_SMALL if profiles_in_fit < MIN_SEGMENT_PROFILES else jaccard_verdict(jaccard)


def jaccard_verdict(jaccard: float | None) -> Verdict:
    """Judge a mean bootstrap Jaccard coefficient alone; None and NaN are `NOT_MEASURED`.

    >>> [jaccard_verdict(value).label for value in (0.59, 0.6, 0.75, None)]
    ['unstable', 'pattern', 'stable', 'not measured']
    """
    if jaccard is None or math.isnan(jaccard):
        return NOT_MEASURED
    reached = [verdict for threshold, verdict in JACCARD_THRESHOLDS.items() if jaccard >= threshold]
    return reached[-1] if reached else UNSTABLE
