"""Reads of the audit log that do not read all of it."""

from kyc_review.core.db.statements import fetch_all

# One step of the index for each action, however many events have it.
ACTIONS = """
    WITH RECURSIVE found (action) AS (
        (SELECT action FROM audit_event ORDER BY action LIMIT 1)
        UNION ALL
        SELECT (SELECT e.action FROM audit_event AS e WHERE e.action > found.action ORDER BY e.action LIMIT 1)
        FROM found WHERE found.action IS NOT NULL
    )
    SELECT action FROM found WHERE starts_with(action, %(beginning)s)
"""


def actions_beginning(beginning: str) -> list[str]:
    """Actions of the log that begin with the text, or are it."""
    return [action for (action,) in fetch_all(ACTIONS, {"beginning": beginning})]
