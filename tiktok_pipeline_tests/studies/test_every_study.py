"""The common suite: what every study of the package fulfils. A new file is under it as soon as it is there."""

from __future__ import annotations

import ast
import importlib
import inspect
from dataclasses import replace
from pathlib import Path

import pytest

import tiktok_pipeline.studies
from tiktok_pipeline.features.catalogue import feature_names
from tiktok_pipeline.recipes.segmentation import Segmentation
from tiktok_pipeline.study import Study, load_studies

STUDIES = load_studies(tiktok_pipeline.studies)
FOLDER = Path(next(iter(tiktok_pipeline.studies.__path__)))

every_study = pytest.mark.parametrize("study", STUDIES, ids=lambda study: study.name)
every_segmentation = pytest.mark.parametrize(
    "study", [study for study in STUDIES if study.segmentation], ids=lambda study: study.name
)
every_classification = pytest.mark.parametrize(
    "study", [study for study in STUDIES if study.classification], ids=lambda study: study.name
)


def segmentation_of(study: Study) -> Segmentation:
    assert study.segmentation is not None
    return study.segmentation


def logic_in(source: str) -> list[str]:
    """What stands in the file of a study beside its docstring, imports and plain assignments."""
    body = ast.parse(source).body
    allowed = (ast.Import, ast.ImportFrom, ast.Assign, ast.AnnAssign)
    statements = [
        f"line {node.lineno}: {type(node).__name__}"
        for place, node in enumerate(body)
        if not isinstance(node, allowed)
        and not (place == 0 and isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
    ]
    clever = (ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp, ast.IfExp, ast.NamedExpr)
    return statements + [
        f"line {node.lineno}: {type(node).__name__}"
        for node in ast.walk(ast.Module(body, []))
        if isinstance(node, clever)
    ]


def test_every_file_is_a_study() -> None:
    files = {path.stem for path in FOLDER.glob("*.py")} - {"__init__"}
    assert files == {Path(study.file).stem for study in STUDIES}
    assert files


@every_study
def test_a_study_is_named_as_its_file(study: Study) -> None:
    assert study.file == f"studies/{study.name}.py"


@every_study
def test_a_study_says_what_it_asks_and_where_it_is_from(study: Study) -> None:
    module = importlib.import_module(f"tiktok_pipeline.studies.{study.name}")
    docstring = inspect.getdoc(module) or ""
    assert len(docstring.split()) > 20
    assert "source:" in docstring.lower()
    assert study.question.endswith("?")
    assert study.published_in.strip()


@every_study
def test_a_study_is_a_record_and_no_program(study: Study) -> None:
    assert logic_in((FOLDER / f"{study.name}.py").read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "source",
    [
        "def name(): ...",
        "class A: ...",
        "if True:\n    STUDY = 1",
        "for k in (1, 2): pass",
        "STUDY = [k for k in range(3)]",
        "STUDY = (lambda: 3)()",
        "STUDY = 3 if True else 4",
        "print('hello')",
        "import os\n'text in the middle'",
    ],
)
def test_logic_in_a_study_would_be_seen(source: str) -> None:
    assert logic_in(source)


def test_a_plain_record_has_no_logic() -> None:
    assert logic_in('"""A question."""\nfrom a import b\n_K = 3\nSTUDY: object = b(k=_K, names=("a", "b"))\n') == []


@every_segmentation
def test_a_study_uses_features_of_its_source(study: Study) -> None:
    known = set(feature_names(study.source))
    segmentation = segmentation_of(study)
    assert set(segmentation.features) <= known
    assert set(segmentation.personas.features) <= known
    assert set(study.described_features) <= known
    assert set(segmentation.features) | set(segmentation.personas.features) <= set(study.described_features)
    assert len(study.described_features) == len(set(study.described_features))


@every_segmentation
def test_a_study_has_a_persona_for_every_cluster(study: Study) -> None:
    segmentation = segmentation_of(study)
    assert len(segmentation.personas.personas) >= segmentation.k
    assert segmentation.k_range[0] <= segmentation.k <= segmentation.k_range[1]


@every_segmentation
def test_a_persona_says_who_they_are_what_they_are_worth_and_what_to_do(study: Study) -> None:
    personas = segmentation_of(study).personas.personas
    for field in ("name", "description", "strategic_value", "recommendation"):
        texts = [getattr(persona, field) for persona in personas]
        assert all(text.strip() == text for text in texts)
        assert len({text.lower() for text in texts}) == len(texts), f"two personas share their {field}"
        if field != "name":
            assert all(len(text.split()) >= 5 and text.endswith(".") for text in texts)
    assert not [persona.name for persona in personas if persona.name.lower().startswith("unnamed")]


@every_study
def test_a_study_gives_advice_as_a_whole(study: Study) -> None:
    assert all(text.strip() and text.endswith(".") for text in study.recommendations)


@every_segmentation
def test_the_version_follows_the_settings(study: Study) -> None:
    segmentation = segmentation_of(study)
    other_words = replace(segmentation.personas.personas[0], recommendation="Wait.")
    changed = [
        replace(study, segmentation=replace(segmentation, random_state=segmentation.random_state + 1)),
        replace(study, segmentation=replace(segmentation, n_init=segmentation.n_init + 1)),
        replace(study, segmentation=replace(segmentation, features=segmentation.features[::-1])),
        replace(study, segmentation=replace(segmentation, max_fit_rows=99)),
        replace(study, segmentation=replace(segmentation, draws=99)),
        replace(
            study,
            segmentation=replace(
                segmentation,
                personas=replace(segmentation.personas, personas=(other_words, *segmentation.personas.personas[1:])),
            ),
        ),
        replace(study, recommendations=(*study.recommendations, "Wait.")),
    ]
    versions = {one.version for one in changed}
    assert len(versions) == len(changed)
    assert study.version not in versions


@every_classification
def test_the_version_follows_the_settings_of_the_classifiers(study: Study) -> None:
    classification = study.classification
    assert classification is not None
    changed = [
        replace(classification, random_state=classification.random_state + 1),
        replace(classification, folds=classification.folds + 1),
        replace(classification, max_rows=99),
        replace(classification, audited=classification.audited[1:]),
        replace(classification, sets=classification.sets[::-1]),
        replace(classification, label=replace(classification.label, name="another")),
        replace(classification, published=replace(classification.published, test_share=0.3)),
        replace(classification, what_it_means="Nothing."),
    ]
    versions = {replace(study, classification=one).version for one in changed}
    assert len(versions) == len(changed)
    assert study.version not in versions


@every_classification
def test_a_classification_says_what_it_means_and_why_its_sets(study: Study) -> None:
    classification = study.classification
    assert classification is not None
    assert classification.what_it_means.endswith(".")
    assert classification.label.name.strip()
    assert all(one.why.strip() for one in classification.sets)
    assert not classification.scoring_set.leaks
    assert classification.label.feature not in classification.scoring_set.features
    assert set(classification.every_feature) <= set(feature_names(study.source))


@every_study
def test_the_notes_of_a_study_are_the_text_at_the_head_of_its_file(study: Study) -> None:
    source = (FOLDER / f"{study.name}.py").read_text(encoding="utf-8")
    assert study.notes == (ast.get_docstring(ast.parse(source), clean=False) or "").strip()


@every_study
def test_the_version_follows_nothing_else(study: Study) -> None:
    assert replace(study, file="elsewhere.py", notes="Other words.").version == study.version
    again = {one.name: one for one in load_studies(tiktok_pipeline.studies)}
    assert again[study.name].version == study.version
    assert len(study.version) == 12


def test_no_two_studies_share_a_name_or_a_version() -> None:
    assert len({study.name for study in STUDIES}) == len(STUDIES)
    assert len({study.version for study in STUDIES}) == len(STUDIES)
