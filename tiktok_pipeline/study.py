"""A study: its question, the settings of its analysis, its personas and its advice. Frozen and self-checking.

A study is a record, not a program. Its file has no logic, and no other file has logic for one study.
"""

from __future__ import annotations

import hashlib
import importlib
import pkgutil
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import ModuleType

from tiktok_pipeline.errors import PipelineError
from tiktok_pipeline.features.catalog import FEATURES, FEATURES_BY_NAME, feature_names
from tiktok_pipeline.recipes.classification import Classification, PublishedNetwork
from tiktok_pipeline.recipes.segmentation import Segmentation

DESCRIBED_FEATURES: Mapping[str, tuple[str, ...]] = {
    "profiles": (
        "followers",
        "following",
        "likes",
        "videos_count",
        "avg_engagement_rate",
        "is_verified",
        "has_bio_link",
    ),
}
"""Features that describe every segment of a source, whatever the study compares."""


class StudyError(PipelineError):
    """The record of a study is wrong; the text names its file and the field."""

    code = "study"


@dataclass(frozen=True, kw_only=True)
class Study:
    """One question about the profiles of a snapshot.

    Parameters
    ----------
    name : str
        Lower-case identifier: the name of its file, its assets and its view.
    question : str
        The question, for a marketer.
    published_in : str
        Where the results were published.
    source : str
        The source of the rows, a key of `FEATURES`.
    segmentation : Segmentation, optional
        Settings of the clustering.
    classification : Classification, optional
        Settings of the classifiers. A study has at least one of the two.
    recommendations : tuple of str
        Advice for the study as a whole.
    file, notes : str
        Its file and the docstring of the file; `load_studies` fills them in.

    Raises
    ------
    StudyError
        If a field is wrong or does not fit the others.
    """

    name: str
    question: str
    published_in: str
    source: str = "profiles"
    segmentation: Segmentation | None = None
    classification: Classification | None = None
    recommendations: tuple[str, ...] = ()
    file: str = ""
    notes: str = ""

    def __post_init__(self) -> None:
        """Check every field that another part of the program relies on."""
        if not re.fullmatch(r"[a-z][a-z0-9_]{0,60}", self.name):
            self._refuse("name", f"{self.name!r} is not lower-case letters, digits and underscores")
        if self.source not in FEATURES:
            self._refuse("source", f"{self.source!r} is none of {sorted(FEATURES)}")
        if self.segmentation is None and self.classification is None:
            self._refuse("segmentation", "the study has neither a segmentation nor a classification")
        for segmentation in self.segmentation.bases if self.segmentation else ():
            self._check_segmentation(segmentation)
        if self.classification is not None:
            self._check_classification(self.classification)

    def _check_segmentation(self, segmentation: Segmentation) -> None:
        self._check_features(
            {
                "segmentation.features": segmentation.features,
                "segmentation.scaling.log1p": segmentation.scaling.log1p,
                "segmentation.outliers.columns": segmentation.outliers.columns if segmentation.outliers else (),
                "segmentation.personas": segmentation.personas.features,
                "segmentation.personas ranges": segmentation.personas.ranged_features,
                "segmentation.response": (segmentation.response,) if segmentation.response else (),
            }
        )
        if not segmentation.features or len(set(segmentation.features)) != len(segmentation.features):
            self._refuse("segmentation.features", "expected at least one feature, none of them twice")
        if ignored := [name for name in segmentation.scaling.log1p if name not in segmentation.features]:
            self._refuse("segmentation.scaling.log1p", f"{ignored} are not among segmentation.features")
        if segmentation.k < 2:
            self._refuse("segmentation.k", f"{segmentation.k}, expected at least 2")
        if segmentation.draws < 1:
            self._refuse("segmentation.draws", f"{segmentation.draws}, expected at least 1")
        if not 2 <= segmentation.k_range[0] <= segmentation.k_range[1]:
            self._refuse("segmentation.k_range", f"{segmentation.k_range}, expected (lowest, highest), from 2")
        if len(segmentation.personas.personas) < segmentation.k:
            count = len(segmentation.personas.personas)
            self._refuse("segmentation.personas", f"{count} personas for k = {segmentation.k}; add the missing ones")
        if segmentation.fallback is not None:
            if not segmentation.basis or not segmentation.fallback.basis:
                self._refuse("segmentation.basis", "a segmentation with a fallback and the fallback need one each")
            if not 0.0 < segmentation.min_share <= 1.0:
                self._refuse("segmentation.min_share", f"{segmentation.min_share}, expected a fraction above 0")

    def _check_classification(self, classification: Classification) -> None:
        recipe = classification.published
        features = {
            "classification.label.feature": (classification.label.feature,),
            "classification.published.features": recipe.features,
            "classification.audited": classification.audited,
            **{
                f"classification.sets {feature_set.name!r} features": feature_set.features
                for feature_set in classification.sets
            },
        }
        if isinstance(recipe, PublishedNetwork):
            features["classification.published.principal_components"] = recipe.principal_components
        self._check_features(features)
        sets = {feature_set.name: feature_set for feature_set in classification.sets}
        if len(sets) != len(classification.sets):
            self._refuse("classification.sets", "two sets have the same name")
        if empty := [
            name for name, feature_set in sets.items() if not feature_set.features or not feature_set.models
        ]:
            self._refuse("classification.sets", f"{empty} have no features or no models")
        set_name, model = classification.scored_by
        if set_name not in sets or model not in sets[set_name].models:
            self._refuse("classification.scored_by", f"no set {set_name!r} with model {model!r} among {sorted(sets)}")
        if sets[set_name].leaks:
            self._refuse("classification.scored_by", f"set {set_name!r} leaks the label; score with an honest set")
        if classification.folds < 2 or classification.repeats < 1 or classification.network_repeats < 1:
            self._refuse("classification.folds", "expected at least 2 folds and 1 repeat")

    def _check_features(self, fields: Mapping[str, tuple[str, ...]]) -> None:
        known = feature_names(self.source)
        for field, names in fields.items():
            if unknown := [name for name in names if name not in known]:
                self._refuse(field, f"unknown features {unknown}; {self.source} has {known}")

    def _refuse(self, field: str, reason: str) -> None:
        msg = f"{self.file or 'study ' + self.name}: {field}: {reason}"
        raise StudyError(msg)

    @property
    def version(self) -> str:
        """A short hash of the record without its file and notes; the code version of its assets."""
        return hashlib.sha256(repr(replace(self, file="", notes="")).encode()).hexdigest()[:12]

    @property
    def described_features(self) -> tuple[str, ...]:
        """The features that describe its segments: its own, those of its personas, and those of its source."""
        return self.described_by(self.segmentation)

    def described_by(self, segmentation: Segmentation | None) -> tuple[str, ...]:
        """Return the features that describe the segments of one of its bases."""
        if segmentation is None:
            return DESCRIBED_FEATURES.get(self.source, ())
        own = segmentation.features + segmentation.personas.features + segmentation.personas.ranged_features
        response = (segmentation.response,) if segmentation.response else ()
        return tuple(dict.fromkeys(own + DESCRIBED_FEATURES.get(self.source, ()) + response))


def with_continuity(studies: Iterable[Study], continuity: str) -> tuple[Study, ...]:
    """Return the studies with another continuity, a setting of the user.

    Parameters
    ----------
    studies : iterable of Study
        The studies.
    continuity : {"study", "warm", "published"}
        ``study``: as each study says. Otherwise see `Segmentation`. A study whose source fits every snapshot from
        nothing keeps that fit for the first snapshot.
    """
    if continuity == "study":
        return tuple(studies)
    return tuple(
        replace(study, segmentation=_continuing(study.segmentation, is_warm=continuity == "warm"))
        for study in studies
    )


def _continuing(segmentation: Segmentation | None, *, is_warm: bool) -> Segmentation | None:
    if segmentation is None:
        return None
    changed = replace(segmentation, fallback=_continuing(segmentation.fallback, is_warm=is_warm))
    if not is_warm:
        return replace(changed, continuity="published")
    return changed if changed.continuity == "warm" else replace(changed, continuity="warm", first_fit="cold")


def needed_columns(features: Iterable[str]) -> tuple[str, ...]:
    """Return the columns of ``validated.<source>`` that features are computed from, each once.

    Examples
    --------
    >>> needed_columns(["likes_per_video", "log_followers"])
    ('likes', 'videos_count', 'followers')
    """
    return tuple(dict.fromkeys(column for name in features for column in FEATURES_BY_NAME[name].columns))


def missing_columns(study: Study, available: Collection[str]) -> tuple[str, ...]:
    """Return the columns without which a part of the study has no result.

    Parameters
    ----------
    study : Study
        The study.
    available : collection of str
        The columns of ``validated.<source>`` that a delivery fills; none for a delivery of another source.

    Returns
    -------
    tuple of str
        Empty if the study can run. A segmentation with a fallback lacks what its closest basis lacks.
    """
    missing: list[str] = []
    if study.segmentation is not None:
        missing += _missing(best_basis(study.segmentation, available).features, available)
    if study.classification is not None:
        missing += _missing([study.classification.label.feature], available)
    return tuple(dict.fromkeys(missing))


def best_basis(segmentation: Segmentation, available: Collection[str]) -> Segmentation:
    """Return the segmentation or its fallback: the first that lacks no column, else the one that lacks fewest."""
    return min(segmentation.bases, key=lambda basis: len(_missing(basis.features, available)))


def availability(study: Study, available: Collection[str]) -> str:
    """Return in one line whether the study can run on a delivery, and if not which columns it lacks.

    Examples
    --------
    >>> from tiktok_pipeline.recipes.personas import Persona, PersonaCatalog
    >>> text = dict(description="A.", strategic_value="A.", recommendation="A.", profiles=1)
    >>> personas = PersonaCatalog(personas=tuple(Persona(name=n, typical={"likes": 1.0}, **text) for n in "ab"))
    >>> study = Study(name="by_likes", question="?", published_in="-",
    ...     segmentation=Segmentation(features=("log_likes",), k=2, personas=personas))
    >>> availability(study, {"followers", "likes"}), availability(study, {"followers"})
    ('by_likes: segments', 'by_likes: no segments: likes is missing')
    """
    parts = []
    if study.segmentation is not None:
        basis = best_basis(study.segmentation, available)
        lacking = _missing(basis.features, available)
        by = f" by {basis.basis}" if basis.basis else ""
        parts.append(f"no segments: {lacks(lacking)}" if lacking else f"segments{by}")
    if study.classification is not None:
        lacking = _missing([study.classification.label.feature], available)
        parts.append(f"no scores: {lacks(lacking)}" if lacking else "scores")
    return f"{study.name}: {'; '.join(parts)}"


def lacks(columns: Sequence[str]) -> str:
    """Return in words that columns are missing.

    >>> lacks(["likes"]), lacks(["likes", "following", "videos_count"])
    ('likes is missing', 'likes, following and videos_count are missing')
    """
    *others, last = columns
    return f"{', '.join(others)} and {last} are missing" if others else f"{last} is missing"


def _missing(features: Iterable[str], available: Collection[str]) -> list[str]:
    return [column for column in needed_columns(features) if column not in available]


def load_studies(package: ModuleType) -> tuple[Study, ...]:
    """Load the ``STUDY`` of every module of a package, in the order of the module names.

    Raises
    ------
    StudyError
        If a module cannot be loaded or has no study, or two studies have the same name.
    """
    studies = []
    for name in sorted(module.name for module in pkgutil.iter_modules(package.__path__)):
        file = f"{package.__name__.rpartition('.')[2]}/{name}.py"
        try:
            loaded = importlib.import_module(f"{package.__name__}.{name}")
        except (StudyError, TypeError, ValueError) as exc:
            msg = f"{file}: {exc}"
            raise StudyError(msg) from exc
        study = getattr(loaded, "STUDY", None)
        if not isinstance(study, Study):
            msg = f"{file}: STUDY: expected `STUDY = Study(...)`"
            raise StudyError(msg)
        studies.append(replace(study, file=file, notes=(loaded.__doc__ or "").strip()))
    return check_studies(studies)


def check_studies(studies: Iterable[Study]) -> tuple[Study, ...]:
    """Return the studies.

    Raises
    ------
    StudyError
        If two studies have the same name.
    """
    by_name: dict[str, Study] = {}
    for study in studies:
        if study.name in by_name:
            taken_by = by_name[study.name].file or "another study"
            msg = f"{study.file or study.name}: name: {study.name!r} is already the name of {taken_by}"
            raise StudyError(msg)
        by_name[study.name] = study
    return tuple(by_name.values())
