"""The settings of a classification: its label, its published recipe, and the feature sets it is evaluated on.

Records only. This module does not import scikit-learn, which costs seconds.
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
    """The rule that makes a profile positive: a value above ``above``, or among the ``top_share`` largest.

    Exactly one of the two is set. ``above`` is in the unit of the feature. ``top_share`` is a fraction: 0.05 is the
    top 5 %.
    """

    name: str
    feature: str
    above: float | None = None
    top_share: float | None = None

    def __post_init__(self) -> None:
        """Reject a label without a rule or with two."""
        if (self.above is None) == (self.top_share is None):
            msg = f"label {self.name!r}: set exactly one of above and top_share"
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

    It is trained with Adam (``learning_rate``) and binary cross-entropy, in batches of ``batch_rows`` in row order.
    The validation loss is checked every ``epochs_a_look`` epochs. Training stops after ``patience_looks`` checks
    without a lower loss.
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
    """A network on a stratified split into training, validation and test rows; inputs are scaled to 0..1.

    ``principal_components`` are features that are replaced by their principal components, after the first input.
    ``precision_wanted`` is the precision that the threshold aims at.
    """

    features: tuple[str, ...]
    principal_components: tuple[str, ...] = ()
    network: Network = Network()
    test_share: float = 0.2
    precision_wanted: float = 0.88
    random_state: int = 42


@dataclass(frozen=True, kw_only=True)
class FeatureSet:
    """A named set of features, the models evaluated on it, and why; ``leaks`` if it gives the label away."""

    name: str
    features: tuple[str, ...]
    models: tuple[ModelName, ...]
    why: str
    leaks: bool = False


@dataclass(frozen=True, kw_only=True)
class Classification:
    """Settings of a classification.

    ``sets`` are evaluated by repeated stratified cross-validation. The model ``scored_by`` (feature set, model)
    scores creators. ``audited`` are further features for the leakage audit. At most ``max_rows`` labeled rows are
    used.
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
        """Every feature that the classification reads, once."""
        names = [self.label.feature, *self.published.features]
        if isinstance(self.published, PublishedNetwork):
            names += self.published.principal_components
        for feature_set in self.sets:
            names += feature_set.features
        return tuple(dict.fromkeys([*names, *self.audited]))

    @property
    def scoring_set(self) -> FeatureSet:
        """The feature set of the model that scores creators."""
        return next(feature_set for feature_set in self.sets if feature_set.name == self.scored_by[0])
