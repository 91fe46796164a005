"""The embedded stack: real Postgres and Valkey without Docker, and the processes beside them.

Nothing here needs Django's settings: the stack makes the addresses and secrets that the settings then read.
"""
