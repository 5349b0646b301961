"""The stage ``validated`` as Dagster runs it: what one source says of a creator counts in the others."""

from __future__ import annotations

from pathlib import Path

from tiktok_pipeline.validated.duplicates import UNDER_AGE
from tiktok_pipeline_tests.homes import UNTIL_VALIDATED, Home, reasons_of
from tiktok_pipeline_tests.scrapes import creators, write_csv

DAY, YOUNG = "2024-03-01", "creator00007"


def test_a_person_under_age_in_a_file_of_videos_is_in_no_table(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    profiles = creators(20)
    for row in profiles:
        row["top_videos"] = f"{row['url']}/video/{1_700_000_000 << 32}"
    posts = tmp_path / "posts.csv"
    rows = [f"{name},{(1_700_000_000 << 32) + 5},5,{flag}" for name, flag in ((YOUNG, "yes"), ("creator00008", "no"))]
    posts.write_text("\n".join(["profile_username,post_id,play_count,is_under_age_18", *rows]), encoding="utf-8")
    home.deliver(write_csv(tmp_path / "profiles.csv", profiles), posts, snapshot=DAY)
    result = home.refresh(DAY, selection=UNTIL_VALIDATED)
    assert result.success, reasons_of(result)
    accounts = "select account_id from validated.{} group by 1"
    assert len(home.sql(accounts.format("profiles"))) == 19
    for table in ("profiles", "videos"):
        assert (YOUNG,) not in home.sql(accounts.format(table)), table
    rejected = home.sql("select source, account_id, record, reasons from validated.rejected order by 1")
    assert rejected == [("profiles", None, None, [UNDER_AGE]), ("videos", None, None, [UNDER_AGE])]
    assert home.value("select count(*) from validated.videos where origin = 'delivered'") == 1
