"""Numbers for a monitoring system: read from the database at each scrape, so every web process tells the same."""
