"""The engine on Spark Connect: Sail in this process, or a server. The tables stay in the DuckDB file."""
