"""Which promotions are approved: the one rule of the scoring workers and of `manage.py audit verify`.

A promotion by a person needs the approval of another one's proposal, in the same transaction: by the clocks, within an
hour, because files are hashed in between. Those without a person are the operator's (`manage.py bundle promote`, the
first start). A rollback returns to what was approved before.
"""

from django.conf import settings

from kyc_review.core.db.statements import fetch_one
from kyc_review.registry.models import Bundle, Promotion

_PROMOTION, _BUNDLE = Promotion._meta.db_table, Bundle._meta.db_table
_BY_TWO = f"""EXISTS (
    SELECT FROM training_proposal AS o JOIN training_comparison AS c ON c.id = o.comparison_id
    JOIN {_BUNDLE} AS b ON b.id = c.candidate_id
    WHERE b.id = p.bundle_id AND o.shift = p.shift AND o.state = 'approved'
        AND o.decided_by_id = p.promoted_by_id AND o.proposed_by_id <> o.decided_by_id
        AND o.decided_at BETWEEN p.promoted_at - interval '1 hour' AND p.promoted_at + interval '1 hour')"""
_FIRST = f"p.id = (SELECT min(id) FROM {_PROMOTION})"  # noqa: S608


def _approved(by_operator: str) -> str:
    """SELECT of the approved promotions p, without rollbacks; `by_operator`: which ones without a person are."""
    return f"""SELECT p.id, p.bundle_id, p.shift FROM {_PROMOTION} AS p
    WHERE p.kind = 'promote' AND ({_BY_TWO} OR p.promoted_by_id IS NULL AND {by_operator})"""  # noqa: S608


def not_approved(by_operator: str = "true", which: str = "true") -> str:
    """SQL of the promotions p that are not approved, with the reason: (id, 0, array of texts, null)."""
    return f"""WITH approved AS ({_approved(by_operator)})
SELECT p.id, 0, ARRAY[CASE p.kind WHEN 'promote' THEN 'no proposal that another person approved'
    ELSE 'never in production before' END], NULL::timestamptz
FROM {_PROMOTION} AS p WHERE {which} AND CASE p.kind
    WHEN 'promote' THEN NOT EXISTS (SELECT FROM approved AS a WHERE a.id = p.id)
    ELSE NOT EXISTS (SELECT FROM approved AS a WHERE a.id < p.id AND a.bundle_id = p.bundle_id AND a.shift = p.shift)
        OR p.promoted_by_id IS NULL AND NOT {by_operator} END
ORDER BY p.id"""  # noqa: S608


# All but the first start, which is without a person everywhere.
WITHOUT_PERSON = (
    f"SELECT p.id FROM {_PROMOTION} AS p WHERE p.promoted_by_id IS NULL AND NOT {_FIRST} ORDER BY p.id"  # noqa: S608
)


def why_not_approved(promotion: Promotion) -> str:
    """Empty if the promotion is approved.

    With COMMAND_LINE_PROMOTION=false those without a person are not, except for the first of an installation.
    """
    by_operator = "true" if settings.COMMAND_LINE_PROMOTION else _FIRST
    found = fetch_one(not_approved(by_operator, "p.id = %(promotion)s"), {"promotion": promotion.pk})
    return found[2][0] if found else ""
