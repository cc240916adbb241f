"""SQL over the lake: DuckDB on this machine for local clouds, Athena on AWS."""
