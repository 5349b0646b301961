"""What `inspect` saves is a dialect that reads the same columns again."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tiktok_pipeline.raw.dialects import DialectFileError, load_dialects, recognize
from tiktok_pipeline.raw.dialects.column_names import column_key
from tiktok_pipeline.raw.dialects.save import dialect_text, save_dialect
from tiktok_pipeline_tests.hypothesis_profiles import examples

HEADER = ["Creator", "Crowd", "Avg engagement rate %", "Likes"]
COLUMN_MAP = {"account_id": "Creator", "followers": "Crowd"}


def test_a_saved_dialect_reads_the_file_without_options(tmp_path: Path) -> None:
    recognition = recognize(HEADER, file="f.csv", column_map=COLUMN_MAP)
    path = save_dialect(tmp_path / "dialects", "own_sheet", recognition, description="like f.csv")
    assert path == tmp_path / "dialects" / "own_sheet.toml"
    loaded = load_dialects(tmp_path / "dialects")
    again = recognize(HEADER, file="f.csv", dialects=loaded.dialects)
    assert again.dialect == "own_sheet"
    assert (again.columns, again.units) == (recognition.columns, {"avg_engagement_rate": "percent"})


@pytest.mark.parametrize("name", ["tracker", "My Sheet", "../x", "", "taken"])
def test_a_name_that_cannot_be_used_saves_nothing(tmp_path: Path, name: str) -> None:
    (tmp_path / "taken.toml").write_text("mine")
    recognition = recognize(HEADER, file="f.csv", column_map=COLUMN_MAP)
    with pytest.raises(DialectFileError):
        save_dialect(tmp_path, name, recognition, description="d")
    assert [path.name for path in tmp_path.iterdir()] == ["taken.toml"]
    assert (tmp_path / "taken.toml").read_text() == "mine"


@given(
    names=st.lists(st.text(min_size=1, max_size=20).filter(column_key), min_size=2, max_size=2, unique_by=column_key)
)
@settings(max_examples=examples(30))
def test_any_name_of_a_column_survives_the_file(tmp_path_factory: pytest.TempPathFactory, names: list[str]) -> None:
    folder = tmp_path_factory.mktemp("dialects")
    recognition = recognize(names, file="f.csv", column_map={"account_id": names[0], "followers": names[1]})
    (folder / "own.toml").write_text(dialect_text("own", recognition, description="d"), encoding="utf-8", newline="")
    loaded = load_dialects(folder)
    assert loaded.errors == ()
    assert recognize(names, file="f.csv", dialects=loaded.dialects).columns == recognition.columns
