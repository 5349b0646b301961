"""The warehouse on DuckDB: the only room that imports duckdb."""
