"""What a study is: a question, the settings of its analysis, its personas and its advice. Frozen and self-checking.

A study is a record, not a program: no logic of one study stands anywhere else, and none stands in its file.
"""

from __future__ import annotations

import hashlib
import importlib
import pkgutil
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from types import ModuleType

from tiktok_pipeline.errors import PipelineError
from tiktok_pipeline.features.catalogue import FEATURES, feature_names
from tiktok_pipeline.recipes.classification import Classification, PublishedNetwork
from tiktok_pipeline.recipes.segmentation import Segmentation


class StudyError(PipelineError):
    """A study is written down wrongly; the text names its file and the field."""

    code = "study"


@dataclass(frozen=True, kw_only=True)
class Study:
    """One question put to the profiles of a snapshot.

    ``source`` is the kind of delivery it reads; ``published_in`` says where its results stand. Raises `StudyError`
    where a field does not fit the others; `file` and `notes`
    (the text at the head of its file) are filled in when it is loaded.
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
            self._refuse("segmentation", "the study has neither that nor a classification: nothing to compute")
        if self.segmentation is not None:
            self._check_segmentation(self.segmentation)
        if self.classification is not None:
            self._check_classification(self.classification)

    def _check_segmentation(self, segmentation: Segmentation) -> None:
        known = feature_names(self.source)
        fields = {
            "segmentation.features": segmentation.features,
            "segmentation.scaling.log1p": segmentation.scaling.log1p,
            "segmentation.outliers.columns": segmentation.outliers.columns if segmentation.outliers else (),
            "segmentation.personas": segmentation.personas.features,
        }
        for field, names in fields.items():
            if unknown := [name for name in names if name not in known]:
                self._refuse(field, f"unknown features {unknown}; {self.source} has {known}")
        if not segmentation.features or len(set(segmentation.features)) != len(segmentation.features):
            self._refuse("segmentation.features", "expected at least one, none of them twice")
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
            self._refuse("segmentation.personas", f"{count} personas for k = {segmentation.k}; write down the others")

    def _check_classification(self, classification: Classification) -> None:
        known = feature_names(self.source)
        recipe = classification.published
        fields = {
            "classification.label.feature": (classification.label.feature,),
            "classification.published.features": recipe.features,
            "classification.audited": classification.audited,
            **{f"classification.sets {one.name!r} features": one.features for one in classification.sets},
        }
        if isinstance(recipe, PublishedNetwork):
            fields["classification.published.principal_components"] = recipe.principal_components
        for field, names in fields.items():
            if unknown := [name for name in names if name not in known]:
                self._refuse(field, f"unknown features {unknown}; {self.source} has {known}")
        sets = {one.name: one for one in classification.sets}
        if len(sets) != len(classification.sets):
            self._refuse("classification.sets", "two of them have one name")
        if empty := [one.name for one in classification.sets if not one.features or not one.models]:
            self._refuse("classification.sets", f"{empty} have no features or no models")
        wanted, model = classification.scored_by
        if wanted not in sets or model not in sets[wanted].models:
            self._refuse("classification.scored_by", f"no set {wanted!r} with model {model!r} among {sorted(sets)}")
        if sets[wanted].leaks:
            self._refuse("classification.scored_by", f"set {wanted!r} gives the label away; score with an honest one")
        if classification.folds < 2 or classification.repeats < 1 or classification.network_repeats < 1:
            self._refuse("classification.folds", "expected at least 2 folds and 1 repeat")

    def _refuse(self, field: str, why: str) -> None:
        msg = f"{self.file or 'study ' + self.name}: {field}: {why}"
        raise StudyError(msg)

    @property
    def version(self) -> str:
        """A short hash of the study's content: it changes when, and only when, its results may."""
        return hashlib.sha256(repr(replace(self, file="", notes="")).encode()).hexdigest()[:12]

    @property
    def described_features(self) -> tuple[str, ...]:
        """The features by which its segments are described: its own, its personas', and the usual ones."""
        usual = {
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
        own = self.segmentation.features + self.segmentation.personas.features if self.segmentation else ()
        return tuple(dict.fromkeys(own + usual.get(self.source, ())))


def load_studies(package: ModuleType) -> tuple[Study, ...]:
    """Every ``STUDY`` of the modules of a package, by name of module.

    Raises `StudyError` where a module has none, where one cannot be loaded, or where two share a name.
    """
    studies = []
    for module in sorted(pkgutil.iter_modules(package.__path__), key=lambda one: one.name):
        file = f"{package.__name__.rpartition('.')[2]}/{module.name}.py"
        try:
            loaded = importlib.import_module(f"{package.__name__}.{module.name}")
        except (StudyError, TypeError, ValueError) as problem:
            msg = f"{file}: {problem}"
            raise StudyError(msg) from problem
        study = getattr(loaded, "STUDY", None)
        if not isinstance(study, Study):
            msg = f"{file}: STUDY: expected `STUDY = Study(...)`"
            raise StudyError(msg)
        studies.append(replace(study, file=file, notes=(loaded.__doc__ or "").strip()))
    return check_studies(studies)


def check_studies(studies: Iterable[Study]) -> tuple[Study, ...]:
    """Give the studies back; raises `StudyError` where two share a name."""
    seen: dict[str, Study] = {}
    for study in studies:
        if study.name in seen:
            msg = f"{study.file or study.name}: name: {study.name!r} is already the name of {seen[study.name].file or 'another study'}"
            raise StudyError(msg)
        seen[study.name] = study
    return tuple(seen.values())
