"""The synthetic profiles resemble the real ones in quantiles, slope and shares, and contain nothing of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ks_2samp

REPOSITORY = Path(__file__).resolve().parents[2]
SAMPLE = REPOSITORY / "data" / "sample" / "profiles_2024-03-04.csv"
FIGURES = ["followers", "following", "likes", "videos_count", "awg_engagement_rate", "comment_engagement_rate"]


def read(path: Path) -> pd.DataFrame:
    frame = pd.read_csv(path, dtype=str, keep_default_na=False, on_bad_lines="skip")
    frame[FIGURES] = frame[FIGURES].apply(pd.to_numeric, errors="coerce")
    return frame.dropna(subset=FIGURES).query("followers > 0 and awg_engagement_rate > 0 and likes < 1e12")


@pytest.fixture(scope="module")
def sample() -> pd.DataFrame:
    return read(SAMPLE)


@pytest.fixture(scope="module")
def real(real_data: Callable[[str], Path]) -> pd.DataFrame:
    return read(real_data("profiles_2023-08-12.csv"))


def slope(frame: pd.DataFrame) -> float:
    return float(np.polyfit(np.log10(frame["followers"]), np.log10(frame["awg_engagement_rate"]), 1)[0])


def test_engagement_falls_with_followers(sample: pd.DataFrame) -> None:
    assert slope(sample) == pytest.approx(-0.38, abs=0.06)


def test_shares(sample: pd.DataFrame) -> None:
    assert (sample["is_verified"] == "true").mean() == pytest.approx(0.019, abs=0.008)
    assert (sample["bio_link"] != "null").mean() == pytest.approx(0.19, abs=0.03)


def test_tails_are_heavy(sample: pd.DataFrame) -> None:
    assert sample["followers"].mean() > 10 * sample["followers"].median()
    assert sample["followers"].max() > 5_000_000


@pytest.mark.real_data
@pytest.mark.parametrize("figure", FIGURES)
def test_distributions_are_the_real_ones(figure: str, real: pd.DataFrame, sample: pd.DataFrame) -> None:
    assert ks_2samp(real[figure], sample[figure]).statistic < 0.09


@pytest.mark.real_data
def test_correlations_are_the_real_ones(real: pd.DataFrame, sample: pd.DataFrame) -> None:
    gap = real[FIGURES].corr("spearman") - sample[FIGURES].corr("spearman")
    assert gap.abs().to_numpy().max() < 0.12
    assert slope(sample) == pytest.approx(slope(real), abs=0.06)


@pytest.mark.real_data
def test_no_text_of_a_real_person_is_in_the_sample(real: pd.DataFrame) -> None:
    text = SAMPLE.read_text(encoding="utf-8")
    assert not [handle for handle in real["account_id"] if len(handle) > 6 and f'"{handle}"' in text]
    assert not [words for words in real["biography"] if len(words) > 15 and words in text]
    assert not [number for number in real["id"] if f'"{number}"' in text]
