"""Texts of errors that are logged or stored: without the rows that Postgres repeats in them."""

import re

# A refused row or key stands after "DETAIL:", up to the next label or the end of the message.
DETAIL = re.compile(r"DETAIL: .*?(?=\n(?:HINT|QUERY|CONTEXT|LOCATION|WHERE): |\n\n|\Z)", re.DOTALL)


def without_rows(text: str) -> str:
    """References and names of people belong into no log, and into no row that outlives an erasure."""
    return DETAIL.sub("DETAIL: not logged", text) if "DETAIL: " in text else text


def told(error: BaseException) -> str:
    """Kind and message of an error, to be stored."""
    return without_rows(f"{type(error).__name__}: {error}")
