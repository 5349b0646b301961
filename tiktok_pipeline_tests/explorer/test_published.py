"""What the published file says about all creators at once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tiktok_pipeline.explorer.published import LARGEST_SHARE, Published
from tiktok_pipeline.warehouse.duckdb.shared_reader import SharedReader
from tiktok_pipeline_tests.explorer.published_files import STUDY, profile, write_published


@pytest.mark.slow
@pytest.mark.parametrize("creators", [1, 2, 101, 230])
def test_the_limit_of_a_count_is_its_99th_percentile(creators: int, tmp_path: Path) -> None:
    videos = [number * number % 97 for number in range(creators)]
    rows = [profile(number, videos_count=count) for number, count in enumerate(videos)]
    reader = SharedReader(write_published(tmp_path, rows), threads=1)
    published = Published(reader, STUDY)
    limits = published.count_limits(published.facts())
    reader.close()
    assert limits == {"videos_count": pytest.approx(float(np.quantile(videos, LARGEST_SHARE))), "following": 10.0}
