"""Pictures for people: drawn from small frames, with no database and no Dagster behind them."""
