"""Of the rows of a creator in a snapshot the newest stays, whatever the creator is called in them."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from tiktok_pipeline.validated.duplicates import DUPLICATE, RENAMED, UNDER_AGE, is_harmless
from tiktok_pipeline.validated.identity import MOST_HANDLES
from tiktok_pipeline.validated.validate import SnapshotRejectedError, check_balance
from tiktok_pipeline.warehouse.duckdb.warehouse import DuckDBWarehouse
from tiktok_pipeline_tests.validated.scrapes import Verdict, csv_of, judged

NUMBER = "6790000000000000123"
OLD, NEW = "2023-08-01", "2023-08-02"


def of_csv(engine: DuckDBWarehouse, folder: Path, *rows: dict[str, str]) -> Verdict:
    path = folder / "f.csv"
    path.write_text(csv_of(*rows), encoding="utf-8", newline="")
    return judged(engine, path)


def test_spellings_of_a_handle_are_one_creator(engine: DuckDBWarehouse, tmp_path: Path) -> None:
    spellings = ("anna", "Anna", "@ANNA", "https://www.tiktok.com/@anna?lang=en", "an\u200bna")
    verdict = of_csv(engine, tmp_path, *({"account_id": text} for text in spellings), {"account_id": "other"})
    assert [row["account_id"] for row in verdict.valid] == ["anna", "other"]
    assert verdict.reasons == {place: [DUPLICATE] for place in range(1, 5)}


def test_an_id_under_two_handles_is_one_creator_and_the_newest_row_stays(
    engine: DuckDBWarehouse, tmp_path: Path
) -> None:
    verdict = of_csv(
        engine,
        tmp_path,
        {"account_id": "after", "id": NUMBER, "timestamp": NEW},
        {"account_id": "before", "id": NUMBER, "timestamp": OLD},
        {"account_id": "other", "id": "6794435137251820551"},
    )
    assert [row["account_id"] for row in verdict.valid] == ["after", "other"]
    assert verdict.reasons == {2: [RENAMED]}


@pytest.mark.parametrize("placeholder", ["0", "1", "6.79E+18", ""])
def test_a_placeholder_identifies_nobody(engine: DuckDBWarehouse, tmp_path: Path, placeholder: str) -> None:
    verdict = of_csv(engine, tmp_path, {"id": placeholder}, {"id": placeholder}, {"id": placeholder})
    assert len(verdict.valid) + sum("tiktok_id: expected" in reasons[0] for reasons in verdict.reasons.values()) == 3
    assert [RENAMED] not in verdict.reasons.values()


def test_an_id_that_many_handles_share_identifies_nobody(engine: DuckDBWarehouse, tmp_path: Path) -> None:
    verdict = of_csv(engine, tmp_path, *({"id": "123456789"} for _ in range(MOST_HANDLES + 1)))
    assert verdict.kept == list(range(1, MOST_HANDLES + 2))


def test_ids_of_which_many_have_two_handles_identify_nobody(engine: DuckDBWarehouse, tmp_path: Path) -> None:
    """The ids of two parts that number their own rows are not those of the platform."""
    parts = [[{"account_id": f"{part}{number}", "id": f"{number}0000001"} for number in range(1, 9)] for part in "ab"]
    verdict = of_csv(engine, tmp_path, *parts[0], *parts[1])
    assert verdict.reasons == {}


def test_a_few_renamed_creators_among_many_are_recognized(engine: DuckDBWarehouse, tmp_path: Path) -> None:
    rows = [{"account_id": f"a{number}", "id": f"{number}0000001"} for number in range(1, 41)]
    renamed = [{"account_id": f"b{number}", "id": f"{number}0000001"} for number in range(1, 8)]
    verdict = of_csv(engine, tmp_path, *rows, *renamed)
    assert verdict.reasons == {place: [RENAMED] for place in range(1, 8)}


def test_a_person_under_age_is_left_out_under_every_handle(engine: DuckDBWarehouse, tmp_path: Path) -> None:
    verdict = of_csv(
        engine,
        tmp_path,
        {"account_id": "Young", "id": NUMBER, "is_under_age_18": "true"},
        {"account_id": "young", "id": ""},
        {"account_id": "renamed", "id": NUMBER},
        {"account_id": "other", "id": "6794435137251820551"},
    )
    assert [row["account_id"] for row in verdict.valid] == ["other"]
    assert verdict.reasons == {place: [UNDER_AGE] for place in (1, 2, 3)}


def test_a_person_under_age_is_left_out_also_where_another_handle_links_the_rows(
    engine: DuckDBWarehouse, tmp_path: Path
) -> None:
    verdict = of_csv(
        engine,
        tmp_path,
        {"account_id": "young", "id": NUMBER, "is_under_age_18": "true"},
        {"account_id": "renamed", "id": NUMBER},
        {"account_id": "Renamed", "id": ""},
        {"account_id": "other", "id": "6794435137251820551"},
    )
    assert [row["account_id"] for row in verdict.valid] == ["other"]


def test_superseded_rows_are_recognized_by_their_reason(engine: DuckDBWarehouse, tmp_path: Path) -> None:
    path = tmp_path / "f.csv"
    path.write_text(csv_of({"account_id": "a"}, {"account_id": "a"}, {"followers": "-1"}), newline="")
    verdict = judged(engine, path)
    assert set(verdict.reasons) == {1, 3}
    rejected = engine.persist(pa.Table.from_pylist(verdict.rejected))
    superseded = rejected.filter(is_harmless()).collect("pyarrow")["source_row"].to_list()
    assert superseded == [1]


def test_superseded_rows_do_not_count_toward_the_half_that_refuses_a_snapshot() -> None:
    counts = {"raw": 100, "validated": 20, "rejected": 80, "harmless": 80}
    check_balance(counts, snapshot="2024-05-06", source="profiles", worst={})
    with pytest.raises(SnapshotRejectedError, match="21 of 41 rows are rejected"):
        check_balance(
            {"raw": 100, "validated": 20, "rejected": 80, "harmless": 59},
            snapshot="2024-05-06",
            source="profiles",
            worst={},
        )
