"""The section "Since the last snapshot", by hand."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from tiktok_pipeline.reports.changes_model import ChangesModel, build_changes_section, changes_summary
from tiktok_pipeline.reports.page_elements import Table
from tiktok_pipeline.reports.snapshot_tables import ChangesTables, StudyTables

STUDY = StudyTables(name="some_study", question="?", published_in="-", notes="", source="profiles")
COMPARISON = pd.DataFrame(
    {
        "previous_snapshot": ["2024-03-01"],
        "days": [31.0],
        "creators": [1_010],
        "in_both": [1_000],
        "arrivals": [7],
        "returned": [3],
        "departures": [20],
        "renamed": [2],
        "without_id": [0],
        "note": [None],
    }
)
MIGRATIONS = pd.DataFrame(
    [
        ("some_study", "both", "a", "a", 900, 0, 0),
        ("some_study", "both", "a", "b", 60, 50, 10),
        ("some_study", "both", "b", "a", 40, 0, 40),
        ("some_study", "both", "Not enough data", "a", 30, 30, 0),
        ("some_study", "arrival", None, "a", 10, 0, 0),
        ("another", "both", "x", "y", 5, 5, 0),
    ],
    columns=["study", "kind", "persona_before", "persona", "creators", "creator_moved", "model_moved"],
)
CREATORS = pd.DataFrame({"account_id": ["big"], "nickname": ["<b>Big"], "followers": [5_000]})
TABLES = ChangesTables(
    comparison=COMPARISON,
    migrations=MIGRATIONS,
    arrivals=CREATORS,
    departures=CREATORS.head(0),
    renamed=CREATORS.assign(previous_account_id="small"),
    fastest=CREATORS.assign(previous_tier="nano", followers_gained=1_000, growth_30_days=0.25),
    unusual=CREATORS.assign(flags="likes fell by 600 (30.0 %) to 1400"),
    drift=pd.DataFrame({"feature": ["followers", "likes"], "psi": [0.3, 0.09]}),
    shares=pd.DataFrame({"snapshot": ["1", "2", "2"], "persona": ["a", "a", "b"], "share": [1.0, 0.4, 0.6]}),
)


def texts(model: ChangesModel) -> list[str]:
    return ["".join(span.text for span in spans) for spans in model.sentences]


def rows(model: ChangesModel, caption: str) -> list[list[str]]:
    (table,) = [table for table in model.tables if table.caption.startswith(caption)]
    return cells(table)


def cells(table: Table | None) -> list[list[str]]:
    assert table is not None
    return [[cell.text for cell in row.cells] for group in table.groups for row in group.rows]


def built(tables: ChangesTables) -> ChangesModel:
    model = build_changes_section(tables, STUDY)
    assert model is not None
    return model


def test_the_sentences_tell_the_counts() -> None:
    first, moved, drift = texts(built(TABLES))
    assert first == (
        "1,000 of 1,010 creators were in the snapshot of 2024-03-01, 31 days before. 7 are new, 3 were seen earlier, "
        "20 are gone, 2 were renamed."
    )
    assert moved.startswith("Of the creators with a segment in both snapshots, 5.0% moved to another segment because")
    assert " For 5.0% it was the model that moved" in moved
    assert (
        drift == "The mix of creators changed: followers (0.30), by the population stability index, counted from 0.1."
    )


def test_the_tables_list_who() -> None:
    model = built(TABLES)
    assert cells(model.moves_table) == [["a", "b", "60", "50", "10"], ["b", "a", "40", "0", "40"]]
    assert model.picture == ""
    drawn = build_changes_section(TABLES, replace(STUDY, figures={"seeds": "<svg/>", "migration": "<svg/>"}))
    assert drawn is not None
    assert drawn.picture == "some-study-figure1"
    assert rows(model, "Share of each segment") == [["b", "-", "60%"], ["a", "100%", "40%"]]
    assert rows(model, "Fastest growing") == [["nano", "<b>Big", "5,000", "1,000", "25%"]]
    assert rows(model, "Largest creators that changed") == [["<b>Big", "5,000", "likes fell by 600 (30.0 %) to 1400"]]
    assert rows(model, "Largest arrivals") == [["<b>Big", "5,000"]]
    assert rows(model, "Largest creators with another handle") == [["small", "<b>Big", "5,000"]]
    assert not [table for table in model.tables if table.caption.startswith("Largest departures")]


def test_without_an_earlier_snapshot_the_section_gives_the_reason() -> None:
    alone = replace(TABLES, comparison=COMPARISON.assign(note="there is no earlier snapshot", previous_snapshot=None))
    assert texts(built(alone)) == ["Nothing can be compared: there is no earlier snapshot."]
    assert built(alone).tables == ()
    assert changes_summary(alone) is None
    assert build_changes_section(ChangesTables(), STUDY) is None


@pytest.mark.parametrize(
    ("column", "value", "says"),
    [
        ("without_id", 4, "4 rows have no usable account number."),
        ("days", 0.5, "0.5 days before"),
    ],
)
def test_what_a_reader_must_know_is_said(column: str, value: float, says: str) -> None:
    model = built(replace(TABLES, comparison=COMPARISON.assign(**{column: [value]})))
    assert any(says in text for text in texts(model))


def test_the_minute_names_who_came_and_left() -> None:
    spans = changes_summary(TABLES)
    assert spans is not None
    assert "".join(span.text for span in spans) == "Since 2024-03-01, 10 creators came and 20 left (what changed)."
    assert (
        built(replace(TABLES, drift=TABLES.drift.head(0)))
        .sentences[-1][0]
        .text.startswith("The mix of creators is the same")
    )
