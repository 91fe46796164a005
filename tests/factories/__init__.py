"""Builders that tests share: rows, pictures, bundles, processes. Fixtures are in tests/fixtures/."""
