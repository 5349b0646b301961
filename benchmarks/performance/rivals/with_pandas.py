"""The study as a pandas user writes it: one file in, everything in memory."""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd

from benchmarks.performance.rivals.recipe import COUNTS, FEATURES, RATES, WIDTH, fit, sweep


def main(path: str) -> None:
    """Read, cast, fit, assign and sum up; prints the sweep and the segments."""
    columns = ["account_id", *RATES, *COUNTS, "is_verified"]
    rows = pd.read_parquet(path, columns=columns, dtype_backend="pyarrow").rename(columns=RATES)
    for name in (*RATES.values(), *COUNTS):
        rows[name] = pd.to_numeric(rows[name], errors="coerce").astype("float64")
    rows["is_verified"] = (
        rows["is_verified"].astype("string[pyarrow]").str.lower().isin(["true", "t", "1"]).astype("float64")
    )
    rows = rows.drop_duplicates("account_id", keep="last").dropna(subset=list(FEATURES))
    inside = pd.Series(data=True, index=rows.index)
    for name in RATES.values():
        low, high = rows.loc[inside, name].quantile([0.25, 0.75])
        inside &= rows[name].between(low - WIDTH * (high - low), high + WIDTH * (high - low))
    matrix = rows.loc[inside, list(FEATURES)].to_numpy()
    print(sweep(matrix))
    scaler, model = fit(matrix)
    rows["cluster"] = model.predict(scaler.transform(rows[list(FEATURES)].to_numpy()))
    rows["in_fit"] = inside
    for chosen in (rows, rows[rows["in_fit"]]):
        print(chosen.groupby("cluster")[list(FEATURES)].agg(["size", "mean", "median"]).to_string())
    print(len(rows), int(np.sum(inside)))


if __name__ == "__main__":
    main(sys.argv[1])
