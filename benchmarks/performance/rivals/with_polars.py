"""The study as a polars user writes it: lazy frames, the streaming engine, scikit-learn for matrices."""

from __future__ import annotations

import sys

import numpy as np
import polars as pl

from benchmarks.performance.rivals.recipe import COUNTS, FEATURES, FIT_ROWS, RATES, SEED, WIDTH, fit, sweep


def main(path: str) -> None:
    """Read, cast, fit, assign and sum up; prints the sweep and the segments."""
    rows = (
        pl.scan_parquet(path)
        .select(
            "account_id",
            *(pl.col(theirs).cast(pl.Float64, strict=False).alias(name) for theirs, name in RATES.items()),
            *(pl.col(name).cast(pl.Float64, strict=False) for name in COUNTS),
            pl.col("is_verified").cast(pl.String).str.to_lowercase().is_in(["true", "t", "1"]).cast(pl.Float64),
        )
        .drop_nulls(list(FEATURES))
        .unique("account_id", keep="any")
        .drop("account_id")
        .collect(engine="streaming")
    )
    inside = pl.lit(value=True)
    for name in RATES.values():
        quartiles = (
            rows.lazy()
            .filter(inside)
            .select(low=pl.col(name).quantile(0.25, "linear"), high=pl.col(name).quantile(0.75, "linear"))
        )
        low, high = quartiles.collect(engine="streaming").row(0)
        inside = inside & pl.col(name).is_between(low - WIDTH * (high - low), high + WIDTH * (high - low))
    fitted = rows.filter(inside)
    sample = fitted.sample(min(FIT_ROWS, len(fitted)), seed=SEED)
    matrix = sample.select(FEATURES).to_numpy()
    print(sweep(matrix))
    scaler, model = fit(matrix)
    clusters = np.concatenate(
        [model.predict(scaler.transform(part.select(FEATURES).to_numpy())) for part in rows.iter_slices(1_000_000)]
    )
    assigned = rows.lazy().with_columns(cluster=pl.Series(clusters), in_fit=inside)
    for chosen in (assigned, assigned.filter("in_fit")):
        summary = chosen.group_by("cluster").agg(
            pl.len(),
            *(pl.col(name).mean().alias(f"mean_{name}") for name in FEATURES),
            *(pl.col(name).median().alias(f"median_{name}") for name in FEATURES),
        )
        print(summary.sort("cluster").collect(engine="streaming"))
    print(len(rows), len(fitted))


if __name__ == "__main__":
    main(sys.argv[1])
