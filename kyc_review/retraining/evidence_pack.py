"""All that one promotion rests on, for an auditor: rows, report, files and events, as parts of a signed archive."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from importlib.metadata import distributions
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.files.storage import storages
from django.db.models import Q
from django.utils import timezone
from rest_framework.utils.encoders import JSONEncoder

from detection import bundle as disk
from kyc_review.audit import services as audit
from kyc_review.audit.archives import SignedFile, signed_file
from kyc_review.audit.models import Event
from kyc_review.core.db.long_reads import rows_streamed
from kyc_review.datasets import manifest
from kyc_review.datasets.models import Snapshot
from kyc_review.registry.models import Bundle, Promotion
from kyc_review.retraining.api.serializers.jobs import ComparisonOut, RunOut
from kyc_review.retraining.api.serializers.promotion import PromotionOut, ProposalOut
from kyc_review.retraining.score_figures import report_without_erased
from kyc_review.training.gate_limits import Limits
from kyc_review.training.models import Comparison, GateSettings, Proposal, TrainingRun
from kyc_review.training.promotion_basis import proposal_of

if TYPE_CHECKING:
    from kyc_review.accounts.models import User

FORMAT = "kyc-review/evidence/1"
CHUNK_BYTES = 1 << 20
Part = tuple[str, Iterable[bytes]]


def promotion_pack(*, promotion: Promotion, actor: User | None) -> SignedFile:
    """The signed archive; the audit log says who made it, and its hash. actor: None for the operator of the server.

    The caller has checked that the actor may see retraining. Raises NotSigned.
    """
    packed = signed_file(evidence_parts(promotion))
    detail = {"key": packed.key, "sha256": packed.sha256}
    audit.record(action="promotion.evidence_packed", actor=actor, target=promotion, detail=detail)
    return packed


def evidence_parts(promotion: Promotion) -> Iterator[Part]:
    """(name, content) of each file. `contents.json` names what no longer exists, such as an erased snapshot, and what
    is not as it was registered or frozen."""
    proposal = proposal_of(promotion)
    comparison = proposal.comparison if proposal else None
    run = TrainingRun.objects.filter(candidate=promotion.bundle).select_related("snapshot", "init").first()
    files = _files(promotion.bundle, comparison, run)
    there = {name: place for name, (*place, _) in files.items() if storages[place[0]].exists(place[1])}
    changed = [
        name
        for name, (*_, registered) in files.items()
        if name in there and registered and _sha256_of(*there[name]) != registered
    ]
    rows: dict[str, Any] = {
        "promotion.json": PromotionOut(promotion).data,
        "proposal.json": ProposalOut(proposal).data if proposal else None,
        "comparison.json": {
            **ComparisonOut(comparison).data,
            "report": report_without_erased(comparison.snapshot, comparison.report),
        }
        if comparison
        else None,
        "run.json": RunOut(run).data if run else None,
        "gate-settings.json": _gate_settings(promotion),
        "software.json": _software(),
    }
    told = {
        "format": FORMAT,
        "promotion": promotion.pk,
        "packed_at": timezone.now().isoformat(),
        "changed": changed,
        "missing": sorted({*files} - {*there}) + [name for name, row in rows.items() if row is None],
    }
    yield "contents.json", [_json(told)]
    for name, row in rows.items():
        if row is not None:
            yield name, [_json(row)]
    yield "audit-events.jsonl", _events(promotion, proposal, comparison, run)
    for name, place in there.items():
        yield name, _pieces(*place)


def _files(
    bundle: Bundle, comparison: Comparison | None, run: TrainingRun | None
) -> dict[str, tuple[str, str, str]]:
    """Each file's name in the archive, its storage, its key there, and its SHA-256 as the database has it (the card has
    none)."""
    found = {
        "bundle/manifest.json": ("bundles", f"{bundle.digest}/{disk.MANIFEST}", bundle.digest),
        "bundle/model-card.md": ("bundles", f"{bundle.digest}/{disk.MODEL_CARD}", ""),
    }
    snapshots: dict[str, Snapshot] = {}
    if comparison:
        snapshots["compared-on"] = comparison.snapshot
    if run:
        snapshots["trained-on"] = run.snapshot
    return found | {
        f"snapshot-{role}/manifest.json": ("snapshots", f"{row.name}/{manifest.NAME}", row.manifest_sha256)
        for role, row in snapshots.items()
    }


def _gate_settings(promotion: Promotion) -> dict[str, Any]:
    """The limits that counted at the promotion, and every change until then."""
    rows = GateSettings.objects.filter(changed_at__lte=promotion.promoted_at).order_by("pk")
    changes = [
        {
            "changed_at": row.changed_at,
            "changed_by": str(row.changed_by),
            "approved_by": str(row.approved_by) if row.approved_by else None,
            "reason": row.reason,
            "limits": asdict(Limits.of_row(row)),
        }
        for row in rows.select_related("changed_by", "approved_by")
    ]
    # Before the first change the environment counted; its values are those of now, and said to be so.
    in_force = changes[-1]["limits"] if changes else asdict(Limits.of_environment())
    return {"in_force": in_force, "from_environment_now": not changes, "changes": changes}


def _events(
    promotion: Promotion, proposal: Proposal | None, comparison: Comparison | None, run: TrainingRun | None
) -> Iterator[bytes]:
    """The audit events of every row named here, and of the gate's settings, oldest first; one JSON object a line."""
    targets: list[tuple[str, int]] = [("bundle", promotion.bundle_id)]
    if proposal and comparison:
        targets += [("proposal", proposal.pk), ("comparison", comparison.pk)]
        targets += [("bundle", comparison.champion_id), ("snapshot", comparison.snapshot_id)]
    if run:
        targets += [("trainingrun", run.pk), ("snapshot", run.snapshot_id)]
    wanted = Q(action__startswith="gate.")
    for kind, pk in targets:
        wanted |= Q(target_kind=kind, target_id=str(pk))
    for event in rows_streamed(Event.objects.filter(wanted).order_by("pk")):
        row = {name: getattr(event, name) for name in EVENT_FIELDS}
        yield json.dumps(row, cls=JSONEncoder, sort_keys=True).encode() + b"\n"


EVENT_FIELDS = (
    "id",
    "at",
    "action",
    "actor_kind",
    "actor_id",
    "actor_name",
    "target_kind",
    "target_id",
    "detail",
)


def _software() -> dict[str, Any]:
    """What runs here now: Python, installed packages, and the hashes of the pinned requirements."""
    pinned = sorted((Path(settings.BASE_DIR) / "requirements").glob("*.txt"))
    return {
        "python": sys.version,
        "packages": dict(sorted((item.name, item.version) for item in distributions())),
        "requirements_sha256": {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in pinned},
    }


def _json(row: Any) -> bytes:
    return json.dumps(row, cls=JSONEncoder, indent=1, sort_keys=True).encode() + b"\n"


def _pieces(alias: str, key: str) -> Iterator[bytes]:
    with storages[alias].open(key) as file:
        yield from file.chunks(CHUNK_BYTES)


def _sha256_of(alias: str, key: str) -> str:
    digest = hashlib.sha256()
    for piece in _pieces(alias, key):
        digest.update(piece)
    return digest.hexdigest()
