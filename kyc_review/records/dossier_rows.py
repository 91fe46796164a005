"""The rows of a dossier, file by file. Names of staff go through `Names`; other applicants' ids are for auditors."""

from __future__ import annotations

from typing import Any

from django.db.models import Q
from django.utils.translation import override

from kyc_review.audit.models import Event
from kyc_review.datasets.erasure_marks import bundles_holding_unchecked, snapshots_holding_unchecked
from kyc_review.evidence.models import Evidence, Likeness
from kyc_review.records import dossier_planting
from kyc_review.records.names import Names
from kyc_review.records.replay import others_of_applicant, replay_of
from kyc_review.records.scoring_columns import scoring_values
from kyc_review.retraining.evidence_pack import EVENT_FIELDS
from kyc_review.review.models import Decision, FirstCall, OutcomeExposure, PutAside, Skip
from kyc_review.submissions.models import Result, ResultReason, Submission
from kyc_review.webhooks.models import Delivery

POSTED = (
    *(
        "id",
        "external_ref",
        "applicant_ref",
        "metadata",
        "received_at",
        "sha256",
        "size_bytes",
        "format",
        "width",
    ),
    *("height", "file_facts", "reference_sha256", "state", "result", "result_reason", "completed_at"),
    *("cancelled_at", "updated_at", "erased_at"),
)
SUMMARY = """\
What is stored about this picture

Submission {id}, received {received} from the onboarding system {integration}.

1. The picture was checked (checks.json): is there one face, is it large, sharp and bright enough?
2. Models voted on it (votes.json). Each states the probability that the picture is forged, and calls it forged from
   its threshold on. A picture is accepted without a person only if all votes say that it is genuine.
3. All others are judged by people (review.json), who see the picture, the votes and the evidence (shown.json).

Outcome: {outcome}
{decided}

use.json says whether the picture was used to train models, and whether an edited copy of it was made to test models
and people ({copies}). told.json says what the onboarding system was told.
contents.json says what is left out of this archive, and why.
"""


def posted(row: Submission) -> dict[str, Any]:
    same = others_of_applicant(row).order_by("received_at", "pk")
    told = {name: getattr(row, name) for name in POSTED} | {"is_planted": row.is_planted}
    # A planted forgery only seems to come from one: planted.json has the truth.
    told |= {"integration": None if row.is_planted else row.integration.name}
    return told | {"other_submissions_of_the_applicant": list(same.values_list("pk", flat=True))}


def summary(row: Submission) -> str:
    decided = "No person has decided it."
    if Decision.objects.standing().filter(submission=row).exists():
        decided = "People judged it; review.json has their decisions."
    if row.result_reason == ResultReason.MODELS_AGREE:
        decided += " The result follows from the votes of the models alone."
    elif row.result == Result.RESUBMIT and decided.startswith("No"):
        decided += " The result follows from the checks alone."
    outcome = f"{row.get_result_display()} ({row.result_reason})" if row.result else row.get_state_display()
    if row.is_planted:
        return dossier_planting.summary(row, outcome=outcome, decided=decided)
    if row.result:
        decided += " The onboarding system can appeal against it; then people judge the picture again."
    return SUMMARY.format(
        id=row.pk,
        received=f"{row.received_at:%Y-%m-%d %H:%M:%S} UTC",
        integration=row.integration.name,
        outcome=outcome,
        decided=decided,
        copies="yes, one" if dossier_planting.made_of(row) else "no",
    )


def checks(row: Submission) -> list[dict[str, Any]]:
    return scoring_values(row)["checks"]


def votes(row: Submission) -> dict[str, Any]:
    """Without the checks, which have a file of their own; the operating point that counted then."""
    told = scoring_values(row)
    del told["checks"]
    return told


def evidence(row: Submission, *, is_auditor: bool) -> dict[str, Any]:
    found = Evidence.objects.filter(submission=row).first()
    similar = Likeness.objects.filter(Q(submission=row) | Q(earlier=row))
    told: dict[str, Any] = {"state": found.state if found else None, "similar_pictures": similar.count()}
    if found:
        told |= {"computed_at": found.computed_at, "facts": found.facts, "views": sorted(found.pictures)}
    if is_auditor:
        told["similar"] = list(
            similar.order_by("pk").values("submission", "earlier", "bits_apart", "same_file")
        )
    return told


def review(row: Submission, names: Names) -> dict[str, Any]:
    """What people were asked, said at first, decided, put aside, wrote; appeals and later findings."""
    items = row.review_items.order_by("pk")
    fields = ("id", "reason", "is_blind", "is_escalated", "message", "state", "opened_at", "decided_at")
    calls = FirstCall.objects.filter(item__submission=row).order_by("pk")
    aside = PutAside.objects.filter(item__submission=row).order_by("pk")
    skips = Skip.objects.filter(item__submission=row).order_by("pk")
    decisions = row.decisions.select_related("reviewer", "undo").order_by("decided_at", "pk")
    said = row.comments.order_by("pk").values(
        "author__username", "is_appeal", "text", "written_at", "answered_at"
    )
    late = row.late_outcomes.order_by("pk").values("finding", "note", "reported_at")
    return {
        "items": [names.row(item, texts=["message"]) for item in items.values(*fields)],
        "first_calls": _by_reviewer(calls.values("item", "reviewer__username", "label", "called_at"), names),
        "decisions": [_decision(decision, names) for decision in decisions],
        "put_aside": _by_reviewer(aside.values("item", "reviewer__username", "act", "put_aside_at"), names),
        "skipped": _by_reviewer(skips.values("item", "reviewer__username", "reason", "skipped_at"), names),
        "comments_and_appeals": [names.row(one, names=["author__username"], texts=["text"]) for one in said],
        "later_findings": [names.row(one, texts=["note"]) for one in late],
    }


def _by_reviewer(rows: Any, names: Names) -> list[dict[str, Any]]:
    return [names.row(one, names=["reviewer__username"]) for one in rows]


def _decision(row: Decision, names: Names) -> dict[str, Any]:
    fields = ("label", "obstacle", "is_sure", "parts", "methods", "regions", "decided_at")
    return {
        "id": row.pk,
        "item": row.item_id,
        "reviewer": names.of(row.reviewer.username),
        **{name: getattr(row, name) for name in fields},
        "note": names.within(row.note),
        "corrects": row.corrects_id,
        "handling_s": row.handling_ms / 1000,
        "undone_at": getattr(getattr(row, "undo", None), "undone_at", None),
    }


def shown(row: Submission, names: Names, *, is_auditor: bool) -> dict[str, Any]:
    """What each person who decided had seen before, and who else has read the outcome."""
    decisions = row.decisions.select_related("item", "reviewer", "submission__scoring")
    read = OutcomeExposure.objects.filter(submission=row).order_by("pk").values("person__username", "seen_at")
    return {
        "before_decisions": [
            _shown_before(decision, names, is_auditor=is_auditor)
            for decision in decisions.order_by("decided_at", "pk")
        ],
        "outcome_read_by": [names.row(one, names=["person__username"]) for one in read],
    }


def _shown_before(decision: Decision, names: Names, *, is_auditor: bool) -> dict[str, Any]:
    with override("en"):  # what is exported stays English
        seen = replay_of(decision)
    others = [
        {"submission": one.submission.pk, "result": one.result, "looks_similar": one.is_look_alike}
        for one in seen.others
    ]
    return {
        "decision": decision.pk,
        "reviewer": names.of(decision.reviewer.username),
        "picture_from": seen.claimed_at,
        "votes_and_evidence_from": seen.revealed_at,
        "evidence_was_there": seen.evidence is not None,
        "production": seen.promotion
        and {
            "bundle": seen.promotion.bundle.version,
            "since": seen.promotion.promoted_at,
            "thresholds_shifted_by": seen.promotion.shift,
        },
        "other_submissions_named": others if is_auditor else len(others),
        "recorded_looks": [{"at": event.at, "action": event.action} for event in seen.looks],
        "not_known": list(seen.unknown),
    }


def told(row: Submission, *, is_auditor: bool) -> list[dict[str, Any]]:
    """Each event for the onboarding system, and whether it arrived."""
    events = row.webhook_events.prefetch_related("deliveries__endpoint", "deliveries__attempts").order_by(
        "created_at"
    )
    return [
        {
            "kind": event.kind,
            "at": event.created_at,
            "body": event.payload,
            "deliveries": [_delivery(one, is_auditor) for one in event.deliveries.all()],
        }
        for event in events
    ]


def _delivery(row: Delivery, is_auditor: bool) -> dict[str, Any]:
    """The applicant's copy says that an attempt failed, not why: the reason can name hosts of the bank's network."""
    attempts = [
        {"at": one.at, "status": one.status}
        | (
            {"error": one.error}
            if is_auditor
            else {"has_failed": bool(one.error) or not _is_success(one.status)}
        )
        for one in row.attempts.all()
    ]
    told = {"state": row.state, "finished_at": row.finished_at, "attempts": attempts}
    return told | {"endpoint": row.endpoint.url} if is_auditor else told


def _is_success(status: int | None) -> bool:
    return status is not None and 200 <= status < 300


def use(row: Submission, *, is_auditor: bool) -> dict[str, Any]:
    """The retraining sets that hold it, the models that learned from it, and the forgeries that were made of it."""
    return {
        "snapshots": [snapshot.name for snapshot in snapshots_holding_unchecked(row.pk)],
        "models": [
            {"version": one.version, "digest": one.digest} for one in bundles_holding_unchecked(row.pk)
        ],
        "edited_copies": dossier_planting.edited_copies(row, is_auditor=is_auditor),
    }


def moment(event: Event, names: Names) -> dict[str, Any]:
    """An event without its detail, which may name others."""
    actor = names.of(event.actor_name) if event.actor_kind == "user" else event.actor_name
    return {"at": event.at, "action": event.action, "by": actor or event.actor_kind}


def event(row: Event) -> dict[str, Any]:
    return {name: getattr(row, name) for name in EVENT_FIELDS}
