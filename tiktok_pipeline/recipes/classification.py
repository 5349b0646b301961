"""The settings of a classification: its label, its published recipe, and the feature sets it is honestly judged on.

Records only, free of scikit-learn: importing that costs seconds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

ModelName = Literal["logistic_regression", "random_forest", "gradient_boosting", "neural_network", "dummy"]
MODELS: tuple[ModelName, ...] = (
    "logistic_regression",
    "random_forest",
    "gradient_boosting",
    "neural_network",
    "dummy",
)
Protocol = Literal["published", "mended", "honest"]


@dataclass(frozen=True, kw_only=True)
class Label:
    """Who counts as positive: a value above ``above``, or one that reaches the quantile ``top_share`` from the top.

    Exactly one of the two is set. ``top_share`` is a fraction: 0.05 for the top 5 %.
    """

    name: str
    feature: str
    above: float | None = None
    top_share: float | None = None

    def __post_init__(self) -> None:
        """Refuse a label without a rule or with two."""
        if (self.above is None) == (self.top_share is None):
            msg = f"label {self.name!r}: expected either above or top_share, not both and not none"
            raise ValueError(msg)
        if self.top_share is not None and not 0.0 < self.top_share < 1.0:
            msg = f"label {self.name!r}: top_share is {self.top_share}, expected a fraction between 0 and 1"
            raise ValueError(msg)
        if self.above is not None and not math.isfinite(self.above):
            msg = f"label {self.name!r}: above is {self.above}, expected a number"
            raise ValueError(msg)


@dataclass(frozen=True, kw_only=True)
class PublishedForest:
    """A random forest on a plain (not stratified) split, threshold 0.5."""

    features: tuple[str, ...]
    trees: int = 100
    test_share: float = 0.2
    random_state: int = 42


@dataclass(frozen=True, kw_only=True)
class Network:
    """A fully connected network: ``layers`` of ``units`` with ReLU and dropout, then one sigmoid unit.

    Adam (``learning_rate``), binary cross-entropy, batches of ``batch_rows`` in the order of the rows. The validation
    loss is looked at every ``epochs_a_look`` epochs; after ``patience_looks`` looks without a better one it stops.
    """

    layers: int = 3
    units: int = 64
    dropout: float = 0.2
    learning_rate: float = 0.001
    batch_rows: int = 512
    epochs_a_look: int = 10
    patience_looks: int = 25
    most_epochs: int = 5_000


@dataclass(frozen=True, kw_only=True)
class PublishedNetwork:
    """The network on a stratified split, cut twice; its inputs scaled to 0..1.

    ``principal_components`` are features of which the components take their place, after the first input.
    ``precision_wanted`` is what the threshold of protocol ``mended`` aims at, on the validation rows.
    """

    features: tuple[str, ...]
    principal_components: tuple[str, ...] = ()
    network: Network = Network()
    test_share: float = 0.2
    precision_wanted: float = 0.88
    random_state: int = 42


@dataclass(frozen=True, kw_only=True)
class FeatureSet:
    """Features under one name, which models are judged on them, and what was left out for which reason."""

    name: str
    features: tuple[str, ...]
    models: tuple[ModelName, ...]
    why: str
    leaks: bool = False


@dataclass(frozen=True, kw_only=True)
class Classification:
    """Settings of a classification.

    ``sets`` are judged by repeated stratified cross-validation; the model ``scored_by`` (set, model) scores creators.
    ``audited`` are further features that the leakage audit looks at. At most ``max_rows`` labelled rows are used.
    """

    label: Label
    published: PublishedForest | PublishedNetwork
    sets: tuple[FeatureSet, ...]
    scored_by: tuple[str, Literal["logistic_regression"]]
    audited: tuple[str, ...] = ()
    what_it_means: str = ""
    folds: int = 5
    repeats: int = 2
    network_repeats: int = 2
    random_state: int = 42
    max_rows: int = 20_000

    @property
    def every_feature(self) -> tuple[str, ...]:
        """Each feature that any part of it reads, once."""
        read = [self.label.feature, *self.published.features]
        if isinstance(self.published, PublishedNetwork):
            read += self.published.principal_components
        for one in self.sets:
            read += one.features
        return tuple(dict.fromkeys([*read, *self.audited]))

    @property
    def scoring_set(self) -> FeatureSet:
        """The feature set of the model that scores creators."""
        return next(one for one in self.sets if one.name == self.scored_by[0])
