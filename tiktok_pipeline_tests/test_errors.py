"""One base for every error that is written for a person: its text, its code, and how Dagster's record names it."""

from __future__ import annotations

import importlib
import pkgutil

import pytest

import tiktok_pipeline
from tiktok_pipeline.errors import PipelineError, expected_error_codes


def subclasses(error_class: type[PipelineError]) -> list[type[PipelineError]]:
    direct = error_class.__subclasses__()
    return [*direct, *(nested for subclass in direct for nested in subclasses(subclass))]


@pytest.fixture(scope="module")
def all_errors() -> list[type[PipelineError]]:
    for module in pkgutil.walk_packages(tiktok_pipeline.__path__, "tiktok_pipeline."):
        if module.name not in ("tiktok_pipeline.__main__", "tiktok_pipeline.definitions"):
            importlib.import_module(module.name)
    return [error for error in subclasses(PipelineError) if error.__module__.startswith("tiktok_pipeline.")]


@pytest.mark.parametrize(
    ("remedy", "text"),
    [(None, "a.csv: the file is empty"), ("export it again", "a.csv: the file is empty; export it again")],
)
def test_the_text_is_the_message_and_the_remedy(remedy: str | None, text: str) -> None:
    error = PipelineError("a.csv: the file is empty", remedy=remedy)
    assert (str(error), error.message, error.remedy) == (text, "a.csv: the file is empty", remedy)


def test_every_error_of_the_package_has_a_code_of_its_own(all_errors: list[type[PipelineError]]) -> None:
    codes = [error.code for error in all_errors]
    assert len(all_errors) > 10
    assert sorted(codes) == sorted(set(codes))
    assert "pipeline_error" not in codes


def test_every_error_and_every_subclass_of_oserror_counts_as_expected(all_errors: list[type[PipelineError]]) -> None:
    codes = expected_error_codes()
    assert {error.__name__: error.code for error in all_errors}.items() <= codes.items()
    assert codes["PermissionError"] == codes["FileNotFoundError"] == codes["OSError"]
    assert not {"ValueError", "AssertionError", "KeyError"} & set(codes)
