"""The common suite of every study of the package. It picks up a new file automatically."""

from __future__ import annotations

import ast
import copy
import dataclasses
import importlib
import inspect
import pathlib
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

import tiktok_pipeline.studies
from tiktok_pipeline.features.catalog import feature_names
from tiktok_pipeline.recipes.segmentation import Segmentation
from tiktok_pipeline.study import Study, load_studies

STUDIES = load_studies(tiktok_pipeline.studies)
FOLDER = pathlib.Path(next(iter(tiktok_pipeline.studies.__path__)))

Path = tuple[str | int, ...]
"""Where a field is in a study."""

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
    """Return what the file of a study has beside its docstring, imports and plain assignments."""
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
    assert files == {pathlib.Path(study.file).stem for study in STUDIES}
    assert files


@every_study
def test_a_study_has_the_name_of_its_file(study: Study) -> None:
    assert study.file == f"studies/{study.name}.py"


@every_study
def test_a_study_has_a_question_and_a_source(study: Study) -> None:
    module = importlib.import_module(f"tiktok_pipeline.studies.{study.name}")
    docstring = inspect.getdoc(module) or ""
    assert len(docstring.split()) > 20
    assert "source:" in docstring.lower()
    assert study.question.endswith("?")
    assert study.published_in.strip()


@every_study
def test_the_file_of_a_study_has_no_logic(study: Study) -> None:
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
def test_logic_in_finds_logic(source: str) -> None:
    assert logic_in(source)


def test_logic_in_of_a_plain_record_is_empty() -> None:
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


NUMBER = re.compile(
    r"\d|%|percent|\b(two|three|four|five|six|seven|eight|nine|ten|dozens?|hundreds?|thousands?|millions?"
    r"|half|third|quarter|twice|double|most|nearly all|majority|handful|average)\b",
    re.IGNORECASE,
)
"""What a text that is written before the snapshot cannot know."""


def texts_of(study: Study) -> list[str]:
    """Return what a study says about any snapshot: its personas, its advice and its classifier."""
    personas = [
        persona
        for segmentation in (study.segmentation.bases if study.segmentation else ())
        for persona in segmentation.personas.personas
    ]
    texts = [text for one in personas for text in (one.description, one.strategic_value, one.recommendation)] + list(
        study.recommendations
    )
    if study.classification:
        texts += [study.classification.what_it_means, *(one.why for one in study.classification.sets)]
    return texts


@every_study
def test_no_text_of_a_study_has_a_number_that_is_not_computed(study: Study) -> None:
    assert [text for text in texts_of(study) if NUMBER.search(text)] == []


@every_study
def test_numbers_in_the_notes_are_said_to_be_those_of_the_source(study: Study) -> None:
    """The notes stand in the report of every snapshot."""
    sentences = re.split(r"(?<=[.])\s+", study.notes.partition("Before you act on it:")[2].replace("\n", " "))
    claims = [text for text in sentences if re.search(r"\d+ ?%|\d[.,]\d|\d{3}|about \d", text)]
    assert [text for text in claims if "source" not in text and "rate > 0.05" not in text] == []


@pytest.mark.parametrize(
    "text",
    [
        "Its smallest segment is a seventh of 5",
        "nearly all accounts",
        "about a thousand",
        "97 % of all",
        "Most of it",
    ],
)
def test_a_number_is_found(text: str) -> None:
    assert NUMBER.search(text)


@every_segmentation
def test_every_persona_states_a_range(study: Study) -> None:
    for segmentation in segmentation_of(study).bases:
        for persona in segmentation.personas.personas:
            assert persona.ranges, persona.name
            assert set(persona.ranges) <= set(study.described_by(segmentation))


RATES = frozenset({"avg_engagement_rate", "like_engagement_rate", "lifetime_engagement_rate"})
CLAIMS: tuple[tuple[str, frozenset[str]], ...] = (
    (r"\baudiences?\b(?! that)|\bsmall\b", frozenset({"followers"})),
    (r"\b(few|many) videos\b|\bpost again and again\b", frozenset({"videos_count"})),
    (r"\brespon(se|ds)\b|\bmore likes\b|\bfew likes per\b|\breached far\b", RATES),
    (r"\bfollow very many\b", frozenset({"following"})),
    (r"\bverified\b", frozenset({"is_verified"})),
    (r"\bactivity\b", frozenset({"engagement_index"})),
    (r"\bpays?\b", frozenset({"monetization_maturity"})),
)
"""Words of a description, and the features of which one must have a range where they are said."""


@every_segmentation
def test_a_description_claims_only_what_its_ranges_hold(study: Study) -> None:
    personas = [one for basis in segmentation_of(study).bases for one in basis.personas.personas]
    claimed = [
        (persona, features)
        for persona in personas
        for words, features in CLAIMS
        if re.search(words, persona.description, re.IGNORECASE)
    ]
    assert {persona.name for persona, _ in claimed} == {persona.name for persona in personas}
    assert [
        (persona.name, sorted(features)) for persona, features in claimed if not features & set(persona.ranges)
    ] == []


@every_segmentation
def test_a_study_has_a_persona_for_every_cluster(study: Study) -> None:
    segmentation = segmentation_of(study)
    assert len(segmentation.personas.personas) >= segmentation.k
    assert segmentation.k_range[0] <= segmentation.k <= segmentation.k_range[1]


@every_segmentation
def test_a_persona_has_texts_of_its_own(study: Study) -> None:
    personas = segmentation_of(study).personas.personas
    for field in ("name", "description", "strategic_value", "recommendation"):
        texts = [getattr(persona, field) for persona in personas]
        assert all(text.strip() == text for text in texts)
        assert len({text.lower() for text in texts}) == len(texts), f"two personas share their {field}"
        if field != "name":
            assert all(len(text.split()) >= 5 and text.endswith(".") for text in texts)
    assert not [persona.name for persona in personas if persona.name.lower().startswith("unnamed")]


@every_study
def test_the_advice_of_a_study_is_in_sentences(study: Study) -> None:
    assert all(text.strip() and text.endswith(".") for text in study.recommendations)


def field_paths(record: Any, path: Path = ()) -> Iterator[Path]:
    """Yield the path of every field of a record and of the records inside it: field names, positions in tuples."""
    for field in dataclasses.fields(record):
        value, own = getattr(record, field.name), (*path, field.name)
        yield own
        if dataclasses.is_dataclass(value):
            yield from field_paths(value, own)
        elif isinstance(value, tuple):
            for position, item in enumerate(value):
                if dataclasses.is_dataclass(item):
                    yield from field_paths(item, (*own, position))


def with_other_value(record: Any, path: Path) -> Any:
    """Return the record with another value at the path, whatever its checks say."""
    if not path:
        return ("changed", record)
    first, *rest = path
    if isinstance(first, int):
        return (*record[:first], with_other_value(record[first], tuple(rest)), *record[first + 1 :])
    changed = copy.copy(record)
    object.__setattr__(changed, first, with_other_value(getattr(record, first), tuple(rest)))
    return changed


@every_study
def test_the_version_changes_with_every_field_but_the_file_and_the_notes(
    study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Study, "__post_init__", lambda _: None)
    paths = [path for path in field_paths(study) if path not in {("file",), ("notes",)}]
    versions = {path: with_other_value(study, path).version for path in paths}
    assert [path for path, version in versions.items() if version == study.version] == []
    assert len(set(versions.values())) == len(versions)


def test_field_paths_reach_the_records_inside_a_study() -> None:
    paths = {path for study in STUDIES for path in field_paths(study)}
    assert {
        ("segmentation", "scaling", "log1p"),
        ("segmentation", "outliers", "width"),
        ("segmentation", "personas", "personas", 0, "recommendation"),
        ("classification", "label", "name"),
        ("classification", "sets", 1, "features"),
        ("classification", "published", "network", "dropout"),
    } <= paths


@every_classification
def test_a_classification_explains_itself_and_its_sets(study: Study) -> None:
    classification = study.classification
    assert classification is not None
    assert classification.what_it_means.endswith(".")
    assert classification.label.name.strip()
    assert all(feature_set.why.strip() for feature_set in classification.sets)
    assert not classification.scoring_set.leaks
    assert classification.label.feature not in classification.scoring_set.features
    assert set(classification.every_feature) <= set(feature_names(study.source))


@every_study
def test_the_notes_of_a_study_are_the_docstring_of_its_file(study: Study) -> None:
    source = (FOLDER / f"{study.name}.py").read_text(encoding="utf-8")
    assert study.notes == (ast.get_docstring(ast.parse(source), clean=False) or "").strip()


@every_study
def test_the_version_does_not_depend_on_the_file_and_the_notes(study: Study) -> None:
    assert replace(study, file="elsewhere.py", notes="Other words.").version == study.version
    again = {loaded.name: loaded for loaded in load_studies(tiktok_pipeline.studies)}
    assert again[study.name].version == study.version
    assert len(study.version) == 12


def test_no_two_studies_share_a_name_or_a_version() -> None:
    assert len({study.name for study in STUDIES}) == len(STUDIES)
    assert len({study.version for study in STUDIES}) == len(STUDIES)
