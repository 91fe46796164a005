"""Shared code without domain rules: errors, permissions, database, API helpers."""
