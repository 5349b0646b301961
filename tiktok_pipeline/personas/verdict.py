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
"""Fewest measured profiles for which any statement about a group is made."""

NOT_ENOUGH_DATA = "Not enough data"
"""What stands in place of a persona for creators without a segment."""

STANDARD_ERRORS = 1.645
"""The verdict is on the mean minus so many standard errors: the bound that 95 % of such means are above."""


@dataclass(frozen=True)
class Measured:
    """What a verdict is made from: a row of ``clusters.stability``.

    Parameters
    ----------
    jaccard : float or None
        Mean bootstrap Jaccard coefficient, 0 to 1; None or NaN if it was not measured.
    standard_error : float or None
        Its standard error over the draws; None or NaN with fewer than two draws.
    profiles : int
        Profiles of the segment among the measured rows.
    """

    jaccard: float | None
    standard_error: float | None
    profiles: int

    @property
    def lower_bound(self) -> float | None:
        """The mean minus `STANDARD_ERRORS` standard errors, at least 0; None without both."""
        if _is_missing(self.jaccard) or _is_missing(self.standard_error):
            return None
        return max(0.0, float(self.jaccard or 0.0) - STANDARD_ERRORS * float(self.standard_error or 0.0))


def _is_missing(value: float | None) -> bool:
    return value is None or math.isnan(value)


@dataclass(frozen=True)
class Verdict:
    """One value of ``personas.summaries.verdict`` and its meaning.

    ``description`` addresses a reader who has to act on the segment. ``predicates`` complete the sentences
    "1 segment ..." and "2 segments ...". ``can_plan`` says whether a campaign may be planned with the segment.
    """

    label: str
    description: str
    predicates: tuple[str, str]
    can_plan: bool = False


STABLE = Verdict(
    "stable",
    "Reliable: other samples of the same creators give the same segment.",
    ("is stable", "are stable"),
    can_plan=True,
)
PATTERN = Verdict(
    "pattern",
    "A pattern: other samples give a similar segment with other members at its edges. Plan with its core.",
    ("is a pattern with moving edges", "are patterns with moving edges"),
    can_plan=True,
)
UNSTABLE = Verdict(
    "unstable",
    "Not reliable: other samples of the same creators give other segments. Do not plan with it.",
    ("is unstable", "are unstable"),
)
TOO_SMALL = Verdict(
    "too small",
    f"Fewer than {MIN_SEGMENT_PROFILES} of its creators were measured: treat them as examples, not as a group.",
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
"""The verdict from each lower bound of the Jaccard coefficient on, ascending; `UNSTABLE` is below the first."""


def segment_verdict(measured: Measured) -> Verdict:
    """Judge a segment by its measured size and by its stability.

    Size comes first: a segment with fewer than `MIN_SEGMENT_PROFILES` measured profiles is too small, however stable
    it is.

    Returns
    -------
    Verdict
        One of the values of `VERDICTS`, but never `NO_SEGMENT`.

    Examples
    --------
    >>> segment_verdict(Measured(0.8, 0.01, 200)).label
    'stable'
    >>> segment_verdict(Measured(0.8, 0.04, 200)).label
    'pattern'
    >>> segment_verdict(Measured(1.0, 0.0, 3)).label
    'too small'
    """
    if measured.profiles < MIN_SEGMENT_PROFILES:
        return TOO_SMALL
    bound = measured.lower_bound
    if bound is None:
        return NOT_MEASURED
    reached = [verdict for threshold, verdict in JACCARD_THRESHOLDS.items() if bound >= threshold]
    return reached[-1] if reached else UNSTABLE
