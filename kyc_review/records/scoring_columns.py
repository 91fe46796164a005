"""The columns on checks and votes, which several tables have, and how rows are streamed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from django.db.models import Model, QuerySet
from django.utils.translation import gettext_lazy as _

from kyc_review.core.db.long_reads import rows_streamed
from kyc_review.records.columns import Column, Row, Type
from kyc_review.scoring.models import Scoring
from kyc_review.submissions.models import Submission

M = TypeVar("M", bound=Model)
T = Type

SCORING = (
    Column("bundle_version", T.TEXT, _("The ensemble that voted; empty where no model was asked.")),
    Column("bundle_digest", T.TEXT, _("SHA-256 of its manifest, as on the model's page.")),
    Column("scored_at", T.TIME, _("When it voted.")),
    Column("verdict", T.TEXT, _("clear, split_vote or unanimous_fake.")),
    Column("risk", T.NUMBER, _("0 to 1; orders the queue.")),
    Column(
        "votes",
        T.RECORDS,
        _("The votes, the combination last"),
        (
            Column("member", T.TEXT, _("The name in the bundle.")),
            Column("probability", T.NUMBER, _("Of fake, 0 to 1.")),
            Column("threshold", T.NUMBER, _("From this probability on it calls fake.")),
            Column("is_fake", T.BOOLEAN, _("Its call.")),
        ),
    ),
    Column(
        "checks",
        T.RECORDS,
        _("The checks of the picture"),
        (
            Column("name", T.TEXT, _("The check.")),
            Column("status", T.TEXT, _("pass, warn or fail.")),
            Column("code", T.TEXT, _("What it found; empty when passed.")),
            Column("action", T.TEXT, _("resubmit, review or empty.")),
            Column("measure", T.TEXT, _("What was measured.")),
            Column("value", T.NUMBER, _("The measurement.")),
            Column("limit", T.NUMBER, _("The limit then.")),
        ),
    ),
)


def scoring_values(row: Submission) -> dict[str, Any]:
    """The values of the columns SCORING by name."""
    return dict(zip((column.name for column in SCORING), scoring_row(row), strict=True))


def scoring_row(row: Submission) -> Row:
    scoring: Scoring | None = getattr(row, "scoring", None)
    checks = [
        {
            "name": check.name,
            "status": check.status,
            "code": check.code,
            "action": check.action,
            "measure": check.measure,
            "value": check.value,
            "limit": check.limit,
        }
        for check in row.checks.all()
    ]
    if scoring is None:
        return (None, None, None, None, None, [], checks)
    votes = [
        {
            "member": vote.member,
            "probability": vote.probability,
            "threshold": vote.threshold,
            "is_fake": vote.is_fake,
        }
        for vote in scoring.votes.all()
    ]
    told = (scoring.bundle_version, scoring.bundle_digest, scoring.scored_at, scoring.verdict, scoring.risk)
    return (*told, votes, checks)


def streamed(rows: QuerySet[M], told: Callable[[M], Row]) -> Iterator[Row]:
    return map(told, rows_streamed(rows))
