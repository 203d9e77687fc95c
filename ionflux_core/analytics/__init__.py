"""The only package that talks DuckDB: a cache of the run store for charts."""
