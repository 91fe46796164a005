"""Which decisions a snapshot holds: everything that is final, or what an admin narrowed it down to.

The digest covers the items alone; choices are kept in the row and in the manifest's head, as the reason for them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from django.db import connection

from kyc_review.core.days import begin_of, end_of
from kyc_review.core.permissions import may_freeze
from kyc_review.review.models import ReviewItem

if TYPE_CHECKING:
    from kyc_review.accounts.models import User

# One example per submission: a later decision (a second opinion) replaces an earlier one. While somebody still looks
# at a face, as after an audit's first word, there is no consensus on it yet.
LATEST = """
SELECT DISTINCT ON (decision.submission_id) decision.id, decision.label, decision.submission_id, decision.decided_at,
       item.reason, integration.slug AS source
FROM review_decision decision
JOIN review_reviewitem item ON item.id = decision.item_id
JOIN submissions_submission submission ON submission.id = decision.submission_id
JOIN accounts_integration integration ON integration.id = submission.integration_id
WHERE item.state = 'decided' AND item.reason <> 'gold' AND submission.state = 'completed'
  AND NOT submission.is_test AND submission.erased_at IS NULL
  AND NOT EXISTS (SELECT 1 FROM review_withdrawal WHERE decision_id = decision.id)
  AND NOT EXISTS (SELECT 1 FROM review_reviewitem other WHERE other.submission_id = submission.id
                  AND other.state <> 'decided' AND other.reason <> 'gold')
ORDER BY decision.submission_id, decision.decided_at DESC, decision.id DESC
"""
# Words that stand (not taken back, not corrected) and say the same: of two people, or of the third who settled it.
AGREED = """
(SELECT count(DISTINCT said.reviewer_id) >= 2 OR bool_or(asked.reason = 'adjudication')
 FROM review_decision said JOIN review_reviewitem asked ON asked.id = said.item_id
 WHERE said.submission_id = latest.submission_id AND said.label = latest.label
   AND asked.state = 'decided' AND asked.reason <> 'gold'
   AND NOT EXISTS (SELECT 1 FROM review_withdrawal WHERE decision_id = said.id)
   AND NOT EXISTS (SELECT 1 FROM review_decision later WHERE later.corrects_id = said.id))
"""


@dataclass(frozen=True, slots=True)
class SnapshotFilter:
    """consensus: only decisions that two people agreed on or a third settled; sources: integrations' slugs;
    reasons: why items came to people; since, until: days of the decision that counts, both included. Empty:
    all of them."""

    consensus: bool = False
    sources: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    since: date | None = None
    until: date | None = None

    def as_dict(self) -> dict[str, Any]:
        """What was chosen, for the row and the manifest; nothing of what was not."""
        days = {name: str(day) for name in ("since", "until") if (day := getattr(self, name))}
        lists = {name: sorted(chosen) for name in ("sources", "reasons") if (chosen := getattr(self, name))}
        return ({"consensus": True} if self.consensus else {}) | lists | days

    def select(self) -> tuple[str, list[Any]]:
        """SQL of the decisions that are chosen (id, label), and its parameters."""
        conditions, values = ["label IN ('real', 'fake')"], list[Any]()
        if self.consensus:
            conditions.append(AGREED)
        for column, chosen in (("source", self.sources), ("reason", self.reasons)):
            if chosen:
                conditions.append(f"{column} = ANY(%s)")
                values.append(list(chosen))
        if self.since:
            conditions.append("decided_at >= %s")
            values.append(begin_of(self.since))
        if self.until:
            conditions.append("decided_at <= %s")
            values.append(end_of(self.until))
        return f"SELECT id, label FROM ({LATEST}) latest WHERE {' AND '.join(conditions)}", values  # noqa: S608


ALL_FINAL = SnapshotFilter()


def count_matching(*, viewer: User, choices: SnapshotFilter) -> dict[str, int]:
    """How many real and fake decisions a snapshot with these choices would hold now; none for who may make none."""
    if not may_freeze(viewer):
        return {"real": 0, "fake": 0}
    sql, values = choices.select()
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT label, count(*) FROM ({sql}) chosen GROUP BY label", values)  # noqa: S608
        return {"real": 0, "fake": 0} | dict(cursor.fetchall())


def describe_filter(choices: Mapping[str, Any]) -> list[str]:
    """A snapshot's choices in words, one line for each; empty when it holds everything."""
    lines = []
    if choices.get("consensus"):
        lines.append("Consensus only: two people agreed, or a third settled it")
    if sources := choices.get("sources"):
        lines.append(f"From {', '.join(sources)}")
    if reasons := choices.get("reasons"):
        lines.append(f"Because of: {', '.join(str(ReviewItem.Reason(reason).label) for reason in reasons)}")
    for name, word in (("since", "from"), ("until", "up to")):
        if day := choices.get(name):
            lines.append(f"Decided {word} {day}")
    return lines
