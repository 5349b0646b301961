"""The classes in which a study writes down its personas: who they are, and by what they are known again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Persona:
    """One persona of a study.

    ``typical`` has the mean of some features in the population in which the persona was found, and ``profiles`` its
    size there; together with the other personas they say how it stands to the average, by which it is known again.
    """

    name: str
    description: str
    strategic_value: str
    recommendation: str
    profiles: int
    typical: Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class PersonaCatalogue:
    """The personas of a study, all described by the same features.

    ``gate`` is the largest distance (root mean square of decimal logarithms of ratios, so 0.5 is a factor of about 3)
    at which a cluster still takes a name. Raises `ValueError` where personas disagree on features or share a name.
    """

    personas: tuple[Persona, ...]
    max_distance: float = 0.5

    def __post_init__(self) -> None:
        """Check that the personas can be told apart and compared."""
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
        """The features by which the personas are known."""
        return tuple(self.personas[0].typical)

    @property
    def base(self) -> Mapping[str, float]:
        """The mean of each feature over all personas together, weighted by their sizes."""
        total = sum(persona.profiles for persona in self.personas)
        return {
            name: sum(persona.profiles * persona.typical[name] for persona in self.personas) / total
            for name in self.features
        }
