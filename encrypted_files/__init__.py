"""Encrypted files: their format, and the keys with which a process of `ml` reads them. Knows no Django."""
