"""The settings of a segmentation: the features, their scaling, the rows of the fit, and the number of clusters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tiktok_pipeline.recipes.personas import PersonaCatalog

MAX_FIT_ROWS = 2_000_000
MAX_SCORE_ROWS = 50_000


@dataclass(frozen=True, kw_only=True)
class Scaling:
    """How features are made comparable before clustering.

    Parameters
    ----------
    scaler : {"standard", "robust"}
        ``standard``: subtract the mean and divide by the standard deviation. ``robust``: subtract the median and
        divide by the interquartile range.
    log1p : tuple of str
        Features that are replaced with ln(x + 1) first.
    missing : {"drop", "mean"}
        ``drop``: a row without a value of every feature has no cluster. ``mean``: a missing value is replaced with
        the mean of the fitted rows.

    Raises
    ------
    ValueError
        If ``scaler`` or ``missing`` has another value.
    """

    scaler: Literal["standard", "robust"] = "standard"
    log1p: tuple[str, ...] = ()
    missing: Literal["drop", "mean"] = "drop"

    def __post_init__(self) -> None:
        """Check both choices."""
        if self.scaler not in ("standard", "robust") or self.missing not in ("drop", "mean"):
            msg = f"scaler {self.scaler!r}, missing {self.missing!r}: expected standard or robust, drop or mean"
            raise ValueError(msg)


@dataclass(frozen=True, kw_only=True)
class InterquartileRule:
    """Fit only rows whose values are within Tukey's fences, one column after the other.

    The fences of a column are ``width`` interquartile ranges below the first and above the third quartile. The
    quartiles are those of the rows that the columns before it kept, with linear interpolation.

    References
    ----------
    J. W. Tukey (1977), "Exploratory Data Analysis", chapter 2.
    """

    columns: tuple[str, ...]
    width: float = 1.5


@dataclass(frozen=True, kw_only=True)
class Segmentation:
    """The settings of a clustering with KMeans.

    Parameters
    ----------
    features : tuple of str
        The features that are compared, in the order of the model.
    k : int
        Number of clusters.
    personas : PersonaCatalog
        The names that the clusters can get; at least ``k``.
    scaling : Scaling
        How the features are made comparable.
    outliers : InterquartileRule, optional
        Which rows the fit leaves out. They are assigned all the same.
    n_init, random_state : int
        Starts and seed of the fit that is kept.
    k_range : tuple of int
        First and last k that are scored, both inclusive.
    elbow_range : tuple of int, optional
        First and last k among which the elbow is looked for; by default ``k_range``.
    sweep_n_init, sweep_random_state : int
        Starts and seed of the fits that are scored for each k.
    continuity : {"published", "warm"}
        ``published``: every snapshot is fitted from nothing, as the source did. ``warm``: the fit goes on from the
        nearest earlier snapshot, so that segments hold still unless the creators change.
    first_fit : {"catalog", "cold"}
        Where a warm fit starts if there is no earlier snapshot: also from the typical values of the personas, or from
        nothing only.
    draws : int
        Bootstrap draws that the stability is measured on.
    max_fit_rows, max_score_rows : int
        Most rows that the model is fitted on, and that each k is scored on. Above that a deterministic sample is
        used.
    basis : str
        What the features measure the response by, in two words; empty if the study has no fallback.
    basis_note : str
        What the basis is and why it was taken, as the end of a sentence; empty for the preferred basis.
    response : str
        A further feature that describes the segments, and the rate on the plot of followers and response; empty for
        the engagement rate.
    fallback : Segmentation, optional
        The settings for a snapshot whose delivery lacks what the features need. One snapshot has one basis.
    min_share : float
        The fallback is used if fewer than this share of the creators that it can compare have every feature of the
        segmentation. A fraction from 0 to 1.
    """

    features: tuple[str, ...]
    k: int
    personas: PersonaCatalog
    scaling: Scaling = Scaling()
    outliers: InterquartileRule | None = None
    n_init: int = 10
    random_state: int = 42
    k_range: tuple[int, int] = (2, 10)
    elbow_range: tuple[int, int] | None = None
    sweep_n_init: int = 10
    sweep_random_state: int = 42
    continuity: Literal["published", "warm"] = "published"
    first_fit: Literal["catalog", "cold"] = "catalog"
    draws: int = 100
    max_fit_rows: int = MAX_FIT_ROWS
    max_score_rows: int = MAX_SCORE_ROWS
    basis: str = ""
    basis_note: str = ""
    response: str = ""
    fallback: Segmentation | None = None
    min_share: float = 0.5

    @property
    def basis_sentence(self) -> str:
        """What a reader of the results must know about the basis; empty for the preferred one."""
        return f"Creators are compared by {self.basis}: {self.basis_note}." if self.basis_note else ""

    @property
    def bases(self) -> tuple[Segmentation, ...]:
        """The segmentation and its fallback, the preferred one first."""
        return (self,) if self.fallback is None else (self, *self.fallback.bases)
