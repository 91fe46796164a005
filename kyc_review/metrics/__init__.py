"""Metrics, read from the database at each scrape, so every web process reports the same."""
