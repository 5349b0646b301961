"""The personas of a study: who they are, and the features that identify them in another snapshot."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

RankedBy = Literal["response", "reach", ""]
"""What creators of a segment are ranked by: their engagement against others of their size, or their engagements."""


@dataclass(frozen=True, kw_only=True)
class Persona:
    """One persona of a study.

    Parameters
    ----------
    name : str
        Name of the segment.
    description : str
        Who the creators are, in a sentence for a marketer.
    strategic_value : str
        What they are good for.
    recommendation : str
        What to do with them.
    profiles : int
        Size of the persona in the population that it was found in.
    typical : mapping of str to float
        Means of features in that population, in the feature's unit. Relative to the average of all personas they
        identify the persona.
    ranges : mapping of str to (float or None, float or None)
        Between which values the median of a feature must be in any population, in the feature's unit; None is open.
        The name says something absolute, such as "established reach", and is wrong outside.
    ranked_by : {"response", "reach", ""}
        What its creators are shortlisted by: the response for their size, or the reach. Empty: they are not.

    Raises
    ------
    ValueError
        If a range is empty.
    """

    name: str
    description: str
    strategic_value: str
    recommendation: str
    profiles: int
    typical: Mapping[str, float]
    ranges: Mapping[str, tuple[float | None, float | None]] = field(default_factory=dict)
    ranked_by: RankedBy = "response"

    def __post_init__(self) -> None:
        """Check the ranges."""
        for name, (low, high) in self.ranges.items():
            if low is not None and high is not None and low > high:
                msg = f"persona {self.name!r}: range of {name} is {low} to {high}, expected the lower value first"
                raise ValueError(msg)

    def fits(self, medians: Mapping[str, float]) -> bool:
        """Return whether the medians of a cluster are in the ranges; a missing median is in none.

        Examples
        --------
        >>> stars = Persona(name="Stars", description="", strategic_value="", recommendation="", profiles=1,
        ...     typical={"followers": 2e6}, ranges={"followers": (1e6, None)})
        >>> stars.fits({"followers": 1e6}), stars.fits({"followers": 999_999.0}), stars.fits({})
        (True, False, False)
        """
        for name, (low, high) in self.ranges.items():
            median = medians.get(name, math.nan)
            is_inside = (low is None or median >= low) and (high is None or median <= high)
            if math.isnan(median) or not is_inside:
                return False
        return True


@dataclass(frozen=True, kw_only=True)
class PersonaCatalog:
    """The personas of a study, all described by the same features.

    Parameters
    ----------
    personas : tuple of Persona
        At least one; names are unique.
    max_distance : float
        Largest distance at which a cluster gets the name of a persona: the root mean square of decimal logarithms of
        ratios, so 0.5 is a factor of about 3.

    Raises
    ------
    ValueError
        If the personas have different features, share a name, or have no profiles.
    """

    personas: tuple[Persona, ...]
    max_distance: float = 0.5

    def __post_init__(self) -> None:
        """Check names, features and sizes."""
        names = [persona.name for persona in self.personas]
        if not names or len(set(names)) != len(names):
            msg = f"personas {names}: expected at least one, each with a name of its own"
            raise ValueError(msg)
        for persona in self.personas:
            if set(persona.typical) != set(self.features):
                msg = (
                    f"persona {persona.name!r}: described by {sorted(persona.typical)}, "
                    f"the others by {sorted(self.features)}"
                )
                raise ValueError(msg)
            if persona.profiles <= 0:
                msg = f"persona {persona.name!r}: profiles is {persona.profiles}, expected at least 1"
                raise ValueError(msg)

    @property
    def features(self) -> tuple[str, ...]:
        """The features that identify the personas."""
        return tuple(self.personas[0].typical)

    @property
    def ranged_features(self) -> tuple[str, ...]:
        """The features that have a range in any persona."""
        return tuple(dict.fromkeys(name for persona in self.personas for name in persona.ranges))

    @property
    def base(self) -> Mapping[str, float]:
        """The mean of each feature over all personas, weighted by their sizes."""
        total = sum(persona.profiles for persona in self.personas)
        return {
            name: sum(persona.profiles * persona.typical[name] for persona in self.personas) / total
            for name in self.features
        }
