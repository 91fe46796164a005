"""A promotion that was not approved as the rules ask scores nothing, also one that was written past all services."""

from collections.abc import Callable
from pathlib import Path

import pytest
from django.conf import LazySettings

from kyc_review.accounts.models import User
from kyc_review.audit import services as audit
from kyc_review.audit.models import Event
from kyc_review.audit.record_checks import record_notes
from kyc_review.pipeline import evidence_worker, worker
from kyc_review.registry import approval
from kyc_review.registry.approval import NotApproved, require_approved
from kyc_review.registry.bundles import PromotionRefused, bundle_promote, bundle_register, bundle_rollback
from kyc_review.registry.models import Bundle, Promotion
from kyc_review.registry.selectors import serving_promotion
from kyc_review.scoring.models import Scoring
from kyc_review.submissions.models import State, Submission
from kyc_review.training.models import Comparison
from kyc_review.training.proposals import proposal_approve, proposal_open
from tests.factories.bundles import tiny_bundle
from tests.factories.portraits import portrait_bytes

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada(staff: Callable[..., User]) -> User:
    return staff("ada", "admin")


def inserted(bundle: Bundle, actor: User | None, *, shift: float = 0.5, kind: str = "promote") -> Promotion:
    """What the application's role of the database can write: a promotion with its event."""
    row = Promotion.objects.create(bundle=bundle, kind=kind, promoted_by=actor, shift=shift)
    audit.record(action="bundle.promoted", actor=actor, target=bundle, detail={"shift": shift})
    return row


def test_workers_score_nothing_with_it_and_lose_no_attempt(
    submit: Callable[..., Submission],
    tmp_path: Path,
    ada: User,
    settings: LazySettings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("kyc_review.pipeline.champion._loaded", None)
    monkeypatch.setattr("kyc_review.pipeline.champion._approved", None)
    settings.SCORING_DEVICE = "cpu"
    tiny_bundle(tmp_path / "tiny", version="tiny")
    bundle = bundle_register(path=tmp_path / "tiny", source="trained")
    bundle_promote(actor=None, bundle=bundle)
    submit(image=portrait_bytes(1))
    assert worker.run_until_idle() == 1
    inserted(bundle, ada, shift=3.0)
    row = submit(image=portrait_bytes(2))
    for work in (worker.run_until_idle, worker.score_canary, worker.run_until_idle):
        with pytest.raises(NotApproved, match="no proposal that another person approved"):
            work()
    row.refresh_from_db()
    assert (row.state, row.attempts) == (State.RECEIVED, 0)
    assert Scoring.objects.count() == 1
    refusal = Event.objects.get(action="bundle.promotion_refused")
    assert refusal.detail["promotion"] == serving_promotion().pk  # type: ignore[union-attr]


def test_the_attention_of_what_is_not_approved_is_not_shown(
    tmp_path: Path, ada: User, settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evidence_worker, "_serving", None)
    monkeypatch.setattr(evidence_worker, "_approved", None)
    settings.SCORING_DEVICE = "cpu"
    for version in ("first", "poison"):
        tiny_bundle(tmp_path / version, version=version)
    first = bundle_register(path=tmp_path / "first", source="trained")
    bundle_promote(actor=None, bundle=first)
    shown = evidence_worker.ensemble()
    assert shown is not None
    assert shown.digest == first.digest
    inserted(bundle_register(path=tmp_path / "poison", source="trained"), ada)
    assert evidence_worker.ensemble() is None


def test_what_two_people_or_the_operator_did_is_approved_and_a_rollback_to_it(
    comparison: Comparison, staff: Callable[..., User], ada: User
) -> None:
    def served() -> Promotion:
        promotion = serving_promotion()
        assert promotion is not None
        return promotion

    require_approved(served())  # by the operator
    proposal = proposal_open(
        comparison=comparison, actor=ada, reason="better", override="Recall comes first here."
    )
    proposal_approve(proposal=proposal, actor=staff("amir", "admin"))
    assert served().promoted_by is not None
    require_approved(served())
    bundle_rollback(actor=ada, leaving=served().bundle.digest)
    assert served().kind == "rollback"
    require_approved(served())


def test_a_rollback_to_what_was_refused_is_refused_too(serving: Bundle, ada: User) -> None:
    inserted(serving, ada)
    with pytest.raises(NotApproved, match="never in production before"):
        require_approved(inserted(serving, ada, kind="rollback"))


@pytest.mark.parametrize("kind", ["promote", "rollback"])
def test_without_promotion_on_the_command_line_only_the_first_start_needs_no_person(
    serving: Bundle, settings: LazySettings, kind: str
) -> None:
    first = serving_promotion()
    assert first is not None
    later = inserted(serving, None, shift=0.0, kind=kind)
    require_approved(later)
    settings.COMMAND_LINE_PROMOTION = False
    require_approved(first)
    with pytest.raises(NotApproved):
        require_approved(later)


def test_a_rollback_that_workers_would_refuse_is_never_written(
    comparison: Comparison, staff: Callable[..., User], ada: User, settings: LazySettings,
    made_bundle: Callable[..., Path],
) -> None:  # fmt: skip
    """An operator's promotion, then the switch, a promotion by two, and an emergency."""
    first = comparison.champion
    bundle_promote(actor=None, bundle=bundle_register(path=made_bundle("operators"), source="imported"))
    Comparison.objects.filter(pk=comparison.pk).update(champion=serving_promotion().bundle)  # type: ignore[union-attr]
    comparison.refresh_from_db()
    settings.COMMAND_LINE_PROMOTION = False
    proposal = proposal_open(
        comparison=comparison, actor=ada, reason="better", override="Recall comes first here."
    )
    proposal_approve(proposal=proposal, actor=staff("amir", "admin"))
    promotion = serving_promotion()
    assert promotion is not None
    with pytest.raises(PromotionRefused, match="propose it; another admin must approve"):
        bundle_rollback(actor=ada, leaving=promotion.bundle.digest)
    assert serving_promotion() == promotion
    require_approved(promotion)
    with pytest.raises(PromotionRefused):
        bundle_promote(actor=None, bundle=first)
    assert not Event.objects.filter(action="bundle.rolled_back").exists()


def test_verification_names_promotions_without_a_person_but_the_first(serving: Bundle) -> None:
    assert record_notes() == []
    later = inserted(serving, None)
    (note,) = record_notes()
    assert note.startswith("without a person")
    assert note.endswith(f": promotion {later.pk}")


def test_when_nothing_knows_the_proposals_nothing_is_approved(
    serving: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(approval, "_objections", [])
    promotion = serving_promotion()
    assert promotion is not None
    with pytest.raises(NotApproved):
        require_approved(promotion)
