"""What is worth knowing about a snapshot before a candidate is trained on it, found while its files are built."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db.models import F, Q
from django.utils.crypto import salted_hmac

from estimation.consensus import Consensus
from kyc_review.datasets.label_quality import consensus_of_answers_unchecked
from kyc_review.datasets.models import Snapshot
from kyc_review.datasets.picture_groups import Groups, Pictured, contradictions, picture_groups
from kyc_review.datasets.snapshot_filters import ALL_FINAL
from kyc_review.review.models import ASSESSED_LABELS, AuditDraw, Decision

LISTED = 20


@dataclass(slots=True)
class Facts:
    """Groups and consensus that items are written with; `count` adds each item as it is written."""

    groups: Groups
    consensus: Consensus
    labels: dict[UUID, str] = field(default_factory=dict)
    held_out: Counter[str] = field(default_factory=Counter)

    @classmethod
    def of(cls, snapshot: Snapshot) -> Facts:
        return cls(picture_groups(_pictured(snapshot)), consensus_of_answers_unchecked())

    def count(self, item: Mapping[str, Any]) -> None:
        self.labels[UUID(item["submission"])] = item["label"]
        if item["holdout"]:
            self.held_out[item["label"]] += 1
            self.held_out["audited_fakes"] += _is_missed_fake(item)

    def as_dict(self) -> dict[str, Any]:
        """For the snapshot's row; shares from 0 to 1."""
        contradicting = contradictions(self.groups, self.labels.items())
        return {
            "pictures": len({self.groups.picture[key] for key in self.labels}),
            "groups": len({self.groups.of[key] for key in self.labels}),
            "applicants": {
                label: len({self.groups.of[key] for key, own in self.labels.items() if own == label})
                for label in ASSESSED_LABELS
            },
            "contradicting": len(contradicting),
            "contradicting_submissions": [[str(key) for key in keys] for keys in contradicting[:LISTED]],
            "held_out": {name: self.held_out[name] for name in ("real", "fake", "audited_fakes")},
            "labels": {
                "noise": round(self.consensus.noise({k: v == "fake" for k, v in self.labels.items()}), 4),
                "compared": self.consensus.compared,
                "people": len(self.consensus.people),
            },
        }


def _is_missed_fake(item: Mapping[str, Any]) -> bool:
    """Found fake by an audit of what was cleared; a fake that a check sent back was not missed."""
    return item["label"] == Decision.Label.FAKE and item["audited"] == AuditDraw.Outcome.CLEAR


def _pictured(snapshot: Snapshot) -> list[Pictured]:
    """Every submission that could be in a snapshot, with this one's, in the order in which they arrived.

    All of them, not only those that were chosen: the side of a picture must not depend on a filter.
    """
    final, own = ALL_FINAL.decisions().values("pk"), snapshot.items.values("decision")
    held = Decision.objects.filter(Q(pk__in=final) | Q(pk__in=own))
    rows = held.order_by("submission__received_at", "submission_id", "pk").values_list(
        "submission_id",
        "submission__sha256",
        "submission__applicant_ref",
        "submission__integration",
        F("submission__fingerprint__coarse"),
        F("submission__fingerprint__fine"),
    )
    found: dict[UUID, Pictured] = {}
    for key, sha256, reference, integration, coarse, fine in rows.iterator():
        number = None if fine is None else int.from_bytes(fine, "big")
        found.setdefault(
            key, Pictured(key, _opaque_applicant(integration, reference, sha256), sha256, coarse, number)
        )
    return list(found.values())


def _opaque_applicant(integration: int, reference: str, sha256: str) -> str:
    """Groups the images of one person without naming them; without a reference, those of one image."""
    text = f"{integration}:{reference}" if reference else f"image:{sha256}"
    return salted_hmac("kyc_review.retraining.applicant", text, algorithm="sha256").hexdigest()[:32]
