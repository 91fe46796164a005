"""The embedded stack: real Postgres and Valkey without Docker, and the product's processes.

Nothing here needs Django's settings: the stack makes the addresses and secrets that the settings then read.
"""
