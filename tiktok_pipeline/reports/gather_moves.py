"""Read what would move the creators of a table to their runner-up segment."""

from __future__ import annotations

import narwhals as nw
import pandas as pd

from tiktok_pipeline.clusters.border import ACTIONABLE, Move, moves_to_runner_up
from tiktok_pipeline.clusters.model import from_frame
from tiktok_pipeline.features.catalog import feature_label
from tiktok_pipeline.frames import to_pandas
from tiktok_pipeline.output.number_format import format_count
from tiktok_pipeline.reports.snapshot_reader import SnapshotReader
from tiktok_pipeline.study import Study

LARGEST_SHARE = 0.99
"""A count beyond this quantile of the snapshot is no advice."""


def with_moves(reader: SnapshotReader, study: Study, creators: pd.DataFrame) -> pd.DataFrame:
    """Add the column ``would_move`` to a few creators of a study: in words, empty if nothing would move them.

    The frame is returned as it is if the model compares nothing that a creator can act on.
    """
    model = from_frame(reader.frame("clusters.models", study.name))
    counts = {} if model is None else {ACTIONABLE[name] for name in model.features if name in ACTIONABLE}
    if model is None or not counts or creators.empty:
        return creators
    features = reader.lazy(f"features.{study.source}")
    quantiles = [nw.col(name).quantile(LARGEST_SHARE, interpolation="linear").alias(name) for name in sorted(counts)]
    (limits,) = to_pandas(features.select(*quantiles)).to_dict("records")
    accounts = creators["account_id"].tolist()
    few = features.filter(nw.col("account_id").is_in(accounts)).select("account_id", *model.features)
    rows = to_pandas(few).astype(dict.fromkeys(model.features, "float64")).set_index("account_id")
    known = {str(name): float(value) for name, value in limits.items() if not pd.isna(value)}
    words = [moves_in_words(moves_to_runner_up(model, rows.loc[account].to_dict(), known)) for account in accounts]
    return creators.assign(would_move=words)


def moves_in_words(moves: list[Move]) -> str:
    """Return moves for a reader; empty for none.

    Examples
    --------
    >>> moves_in_words([Move("videos_count", 120.0, 251.3), Move("following", 90.0, 12.6)])
    '252 videos (now 120), or 12 accounts followed (now 90)'
    """
    texts = []
    for move in moves:
        label = feature_label(move.feature)
        texts.append(f"{format_count(move.target)} {label} (now {format_count(round(move.before))})")
    return ", or ".join(texts)
