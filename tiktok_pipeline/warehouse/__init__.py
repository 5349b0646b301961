"""The database: the contract of a table, the protocols of the warehouse and its engine, and DuckDB behind them.

The domain does not belong here: only `tiktok_pipeline.warehouse.duckdb.migrations` names a column of a profile.
"""
