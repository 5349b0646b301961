"""How features are made comparable before clustering: the settings of it. scikit-learn does the work, in `model`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class Scaling:
    """The scaler, and what is done with missing values and with heavy tails before it.

    ``standard``: mean and standard deviation. ``robust``: median and interquartile range. ``log1p`` names the features
    of which ln(x + 1) is taken first. ``missing``: ``drop`` leaves a row that lacks a feature without a cluster;
    ``mean`` puts the mean of the fitted rows in its place.
    """

    scaler: Literal["standard", "robust"] = "standard"
    log1p: tuple[str, ...] = ()
    missing: Literal["drop", "mean"] = "drop"

    def __post_init__(self) -> None:
        """Refuse what is neither."""
        if self.scaler not in ("standard", "robust") or self.missing not in ("drop", "mean"):
            msg = f"scaler {self.scaler!r}, missing {self.missing!r}: expected standard or robust, drop or mean"
            raise ValueError(msg)
