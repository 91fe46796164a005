"""Records are compared with the events of their acts: what the owner of the tables changes alone is named."""

import re
from collections.abc import Callable
from dataclasses import replace

import pytest
from django.conf import LazySettings
from django.db import connection, transaction

from detection.voting import Vote
from kyc_review.accounts.models import AdminRequest, Integration, User
from kyc_review.accounts.people.admin_requests import admin_request_approve, admin_request_open
from kyc_review.accounts.people.services import person_activate, person_deactivate, person_rename
from kyc_review.accounts.second_factor.passkeys import passkey_add, passkey_remove, passkeys_of
from kyc_review.accounts.second_factor.services import second_factor_enrol, second_factor_reset
from kyc_review.accounts.services import key_create, key_revoke, key_rights_approve
from kyc_review.audit import services as audit
from kyc_review.audit.record_checks import record_notes, record_problems
from kyc_review.core.permissions import Role
from kyc_review.lifecycle.erase import submission_erase
from kyc_review.pipeline.routing import Scored, verdicts_record
from kyc_review.pipeline.submission_leases import lease_batch
from kyc_review.planting.changes import planting_propose, planting_reject, planting_switch_off
from kyc_review.registry.bundles import bundle_rollback
from kyc_review.registry.models import Bundle, Promotion
from kyc_review.review.corrections import decision_correct
from kyc_review.review.decisions import decision_record, decision_undo, decisions_settle, first_call_record
from kyc_review.submissions.models import Submission
from kyc_review.training.gate_changes import gate_change_propose, gate_change_reject
from kyc_review.training.gate_limits import Limits
from kyc_review.training.models import Comparison
from kyc_review.training.proposals import proposal_approve, proposal_open, proposal_reject
from tests.factories.checks import checks
from tests.factories.claims import claim_next
from tests.factories.gate_settings import WHY, gate_changed
from tests.factories.planted import VALUES, planting_on
from tests.factories.second_factor import SECRET, code_at

pytestmark = pytest.mark.django_db
COPY = """INSERT INTO {0} SELECT (jsonb_populate_record(t, '{{"id": 999999}}')).*
    FROM {0} AS t ORDER BY id {1} LIMIT 1"""
OTHER = "(SELECT id FROM submissions_submission WHERE result = 'clear')"
CLOSED = "(SELECT max(id) FROM {} WHERE state = 'approved')"
FORGED = [
    ("DELETE FROM registry_promotion WHERE id = (SELECT max(id) FROM registry_promotion)", "no record: event"),
    ("UPDATE registry_promotion SET shift = 2 WHERE shift <> 0", "promotion .*shift; event"),
    ("UPDATE registry_promotion SET reason = 'other' WHERE kind = 'rollback'", "promotion .*reason; event"),
    ("UPDATE registry_promotion SET promoted_at = promoted_at - interval '3 days' WHERE kind = 'rollback'",
     "dated away from its event: promotion"),
    (COPY.format("registry_promotion", "DESC"), "no event: promotion 999999"),
    ("UPDATE training_proposal SET comparison_id = comparison_id, shift = 2 WHERE state = 'approved'",
     "not approved by two people: promotion"),
    ("UPDATE registry_promotion SET shift = 2.5 WHERE kind = 'rollback'",
     "not approved by two people: promotion .*never in production before"),
    ("UPDATE scoring_vote SET probability = probability + 1e-9 WHERE position = 4", "verdict .*votes_sha256; event"),
    ("UPDATE scoring_vote SET is_fake = NOT is_fake WHERE position = 0", "verdict .*votes_sha256; event"),
    ("UPDATE scoring_vote SET member = 'other' WHERE position = 0", "verdict .*votes_sha256; event"),
    ("UPDATE scoring_vote SET threshold = 0.9 WHERE position = 0", "verdict .*votes_sha256; event"),
    ("DELETE FROM scoring_vote WHERE position = 2", "verdict .*votes_sha256; event"),
    ("INSERT INTO scoring_vote (scoring_id, position, member, probability, threshold, is_fake)"
     " SELECT id, 77, 'x', 0, 0.5, false FROM scoring_scoring LIMIT 1", "verdict .*votes_sha256; event"),
    ("DELETE FROM scoring_vote", "verdict .*votes_sha256; event"),
    ("UPDATE scoring_scoring SET risk = 0", "verdict .*votes_sha256; event"),
    ("UPDATE scoring_scoring SET shift = 2", "verdict .*votes_sha256; event"),
    ("UPDATE scoring_scoring SET auxiliary_model = 'other'", "verdict .*votes_sha256; event"),
    ("UPDATE scoring_scoring SET verdict = 'clear' WHERE verdict <> 'clear'", "verdict .*verdict; event"),
    ("UPDATE scoring_scoring SET bundle_digest = 'e'", "verdict .*bundle; event"),
    ("UPDATE scoring_scoring SET scored_at = scored_at - interval '1 day'", "dated away from its event: verdict"),
    ("DELETE FROM audit_event WHERE action = 'submission.scored'", "no event: verdict"),
    ("UPDATE review_decision SET label = 'real' WHERE corrects_id IS NULL AND label = 'fake'", "label; event"),
    ("UPDATE review_decision SET is_sure = false WHERE corrects_id IS NULL", "is_sure; event"),
    ("UPDATE review_decision SET reviewer_id = (SELECT id FROM accounts_user WHERE username = 'alice')",
     "no event: decision"),
    ("UPDATE review_decision SET decided_at = decided_at - interval '1 hour'", "dated away .*: decision"),
    (COPY.format("review_decision", ""), "no event: decision 999999"),
    ("UPDATE review_decision SET parts = '[\"hair\"]' WHERE label = 'fake'", "decision .*parts; event"),
    ("UPDATE review_decision SET regions = '[]' WHERE label = 'fake'", "decision .*regions; event"),
    ("UPDATE review_firstcall SET label = 'real'", "decision .*first_call; event"),
    ("DELETE FROM review_firstcall", "decision .*first_call; event"),
    (f"UPDATE review_decision SET submission_id = {OTHER}", "decision .*submission; event"),
    (f"UPDATE review_reviewitem SET submission_id = {OTHER}", "decision .*submission; event"),
    (f"WITH item AS (UPDATE review_reviewitem SET submission_id = {OTHER})"
     f" UPDATE review_decision SET submission_id = {OTHER}", "decision .*submission; event"),
    ("UPDATE submissions_submission SET sha256 = repeat('0', 64)", "submission .*sha256; event"),
    ("UPDATE submissions_submission SET received_at = received_at - interval '1 day'",
     "submission .*received_at; event"),
    ("DELETE FROM audit_event WHERE action = 'submission.received'", "no event: submission"),
    ("UPDATE submissions_submission SET result = 'rejected' WHERE result = 'clear'",
     "contradicts its event: result of submission .*result; event"),
    ("UPDATE submissions_submission SET result = 'clear' WHERE result = 'resubmit'",
     "result of submission .*result; event"),
    ("UPDATE submissions_submission SET result_reason = 'other' WHERE result = 'resubmit'",
     "result of submission .*reason; event"),
    ("UPDATE submissions_submission SET state = 'in_review', result = '', result_reason = '', completed_at = NULL"
     " WHERE result = 'clear'",
     "result of submission .*result"),
    ("DELETE FROM review_decision WHERE corrects_id IS NOT NULL", "no record: event .*item.corrected"),
    ("DELETE FROM review_decisionundo", "no record: event .*undone decision"),
    ("UPDATE training_gatesettings SET recall_min = 0", "gate settings .*recall_min"),
    ("UPDATE training_gatesettings SET changed_by_id = (SELECT id FROM accounts_user WHERE username = 'alice')",
     "gate settings .*proposed_by_id"),
    (COPY.format("training_gatesettings", ""), "no event: gate settings 999999"),
    (f"UPDATE training_gateproposal SET limits = '{{}}' WHERE id = {CLOSED.format('training_gateproposal')}",
     "gate proposal .*after; event"),
    ("UPDATE training_gateproposal SET decided_by_id = (SELECT id FROM accounts_user WHERE username = 'alice')",
     "no event: decided gate proposal"),
    ("UPDATE training_gateproposal SET remark = 'x' WHERE state = 'rejected'", "decided gate .*remark; event"),
    ("UPDATE training_gateproposal SET state = 'approved' WHERE state = 'rejected'", "no event: decided gate"),
    ("UPDATE planting_plantingsettings SET rate = 0.4 WHERE is_on", "planting settings .*rate; event"),
    (COPY.format("planting_plantingsettings", ""), "no event: planting settings 999999"),
    ("UPDATE planting_plantingproposal SET state = 'approved' WHERE state = 'rejected'",
     "no event: decided planting"),
    ("UPDATE training_proposal SET shift = 2 WHERE state = 'approved'", "promotion proposal .*shift; event"),
    ("UPDATE training_proposal SET decided_by_id = (SELECT id FROM accounts_user WHERE username = 'alice')",
     "no event: decided promotion proposal"),
    (COPY.format("training_proposal", ""), "no event: promotion proposal 999999"),
    ("UPDATE accounts_adminrequest SET decided_by_id = (SELECT id FROM accounts_user WHERE username = 'alice')",
     "no event: decided admin request"),
    ("DELETE FROM accounts_adminrequest", "no record: event .*staff.admin_requested"),
    ("INSERT INTO accounts_user_groups (user_id, group_id) SELECT u.id, g.id FROM accounts_user AS u, auth_group AS g"
     " WHERE u.username = 'bob' AND g.name = 'admin'", "person .*roles; event"),
    ("DELETE FROM accounts_user_groups", "person .*roles; event"),
    ("UPDATE accounts_user SET is_active = NOT is_active WHERE username = 'bob'", "person .*is_active; event"),
    ("INSERT INTO accounts_user SELECT (jsonb_populate_record(t, '{\"id\": 999999, \"username\": \"eve\"}')).*"
     " FROM accounts_user AS t WHERE username = 'bob'", "no event: person 999999"),
    ("UPDATE accounts_user SET username = 'eve' WHERE username = 'bob'", "person .*username; event"),
    ("DELETE FROM mfa_authenticator", "no record: event .* of a second factor"),
    ("UPDATE mfa_authenticator SET data = data || '{\"secret\": \"x\"}' WHERE type = 'totp'",
     "no event: second factor"),
    ("UPDATE mfa_authenticator SET user_id = (SELECT id FROM accounts_user WHERE username = 'alice')"
     " WHERE type = 'totp' AND user_id = (SELECT id FROM accounts_user WHERE username = 'bob')",
     "no event: second factor"),
    ("INSERT INTO mfa_authenticator (user_id, type, data, created_at) SELECT id, 'webauthn', '{\"credential\": \"x\"}',"
     " now() FROM accounts_user WHERE username = 'bob'", "no event: second factor"),
    ("UPDATE accounts_apikey SET erasing_waits = false WHERE erasing_waits", "API key .*rights_wait; event"),
    ("DELETE FROM audit_event WHERE action = 'key.rights_approved'", "API key .*rights_wait; event"),
    ("UPDATE accounts_apikey SET scopes = '{submissions:pictures}'", "API key .*scopes; event"),
    ("UPDATE accounts_apikey SET networks = '{0.0.0.0/0}'", "API key .*networks; event"),
    ("UPDATE accounts_apikey SET revoked_at = NULL", "API key .*revoked_at; event"),
    ("UPDATE accounts_apikey SET created_by_id = NULL", "API key .*created_by; event"),
    (COPY.format("accounts_apikey", "").replace("999999", '999999, "prefix": "p"'), "no event: API key 999999"),
]  # fmt: skip
TABLES = (
    "audit_event",
    "scoring_scoring",
    "scoring_vote",
    "registry_promotion",
    "review_decision",
    "review_decisionundo",
    "review_firstcall",
    "review_reviewitem",
    "submissions_submission",
    "training_gatesettings",
    "training_gateproposal",
    "planting_plantingsettings",
    "planting_plantingproposal",
    "training_proposal",
    "accounts_adminrequest",
    "accounts_user",
    "accounts_user_groups",
    "accounts_apikey",
    "mfa_authenticator",
)


@pytest.fixture
def ada(staff: Callable[..., User]) -> User:
    return staff("ada", "admin")


@pytest.fixture
def amir(staff: Callable[..., User]) -> User:
    return staff("amir", "admin")


@pytest.fixture
def queued(submit: Callable[..., Submission]) -> Callable[[], None]:
    """queued() puts a selfie with a split vote into the queue, as the scoring worker does."""

    def run() -> None:
        row = submit()
        lease_batch(holder="one", limit=1)
        probabilities = (0.91, 0.12, 1e-7, 0.08, 0.55)
        votes = tuple(Vote(f"member-ß{i}", p, 0.5) for i, p in enumerate(probabilities))
        scored = {row.pk: Scored(votes=votes, elapsed_ms=1.0, checks=checks())}
        verdicts_record(holder="one", bundle_version="b-1", bundle_digest="c" * 64, scored=scored)

    return run


def _accounts(
    *, ada: User, amir: User, bob: User, integration: Integration, clock: list[float], settings: LazySettings
) -> None:
    """Second factors that came and went, and keys that wait, were approved and were revoked."""
    for person in (bob, bob, amir):
        second_factor_reset(user=person, actor=ada)
        second_factor_enrol(user=person, secret=SECRET, code=code_at(clock[0]))
    made = {"credential": "c", "counter": 0}
    passkey_add(user=bob, name="stays", made=made)
    passkey_add(user=bob, name="goes", made=made | {"credential": "d"})
    passkey_remove(user=bob, number=passkeys_of(bob).get(data__name="goes").pk)
    settings.ADMIN_ACCESS_NEEDS_TWO = True
    approved, _ = key_create(integration=integration, scopes=["submissions:erase"], actor=ada)
    key_rights_approve(key=approved, actor=amir)
    waiting, _ = key_create(integration=integration, scopes=["submissions:erase"], actor=ada)
    key_revoke(key=key_create(integration=integration, is_test=True)[0])
    assert (waiting.rights_wait, settings.ADMIN_ACCESS_NEEDS_TWO) == (True, True)
    settings.ADMIN_ACCESS_NEEDS_TWO = False
    person_deactivate(person=bob, actor=ada)
    person_activate(person=bob, actor=ada)


@pytest.fixture
def history(
    comparison: Comparison, clear: Callable[..., Submission], queued: Callable[[], None], settings: LazySettings,
    ada: User, amir: User, alice: User, bob: User, integration: Integration, clock: list[float],
) -> None:  # fmt: skip
    """Acts of every kind: approved, rejected and withdrawn, decided, undone, corrected, rolled back, erased."""
    _accounts(ada=ada, amir=amir, bob=bob, integration=integration, clock=clock, settings=settings)
    proposal = proposal_open(comparison=comparison, actor=ada, reason=WHY)
    proposal_reject(proposal=proposal, actor=ada)
    proposal = proposal_open(
        comparison=comparison, actor=ada, reason=WHY, shift=-0.5, override="Recall comes first here."
    )
    proposal_approve(proposal=proposal, actor=amir, remark="agreed")
    bundle_rollback(actor=ada, reason="It was slow.", leaving=comparison.candidate.digest)
    before = Limits.current()
    gate_changed(replace(before, recall_min=0.75), by=ada, approved_by=amir)
    other = gate_change_propose(limits=replace(before, recall_min=0.8), reason=WHY, actor=amir)
    gate_change_reject(proposal=other, actor=ada, remark="Not this year.")
    planting_on(by=ada, approved_by=amir)
    planting_switch_off(reason="The month is over now.", actor=amir)
    planting_reject(
        proposal=planting_propose(values=VALUES, reason="Let us go on with it.", actor=ada),
        actor=amir,
        remark="No.",
    )
    for act in (AdminRequest.Act.ROLE, AdminRequest.Act.PASSWORD):
        request = admin_request_open(
            person=alice if act == "role" else bob, act=act, role=Role.ADMIN, actor=ada
        )
        if act == "role":
            admin_request_approve(request=request, actor=amir)
    clear(probability=1 / 3)
    queued()
    settings.UNDO_WINDOW_S = 60
    item = claim_next(bob)
    decision_record(item_id=item.pk, reviewer=bob, label="real")
    decision_undo(item_id=item.pk, reviewer=bob)
    decision_record(item_id=item.pk, reviewer=bob, label="real")
    decision_undo(item_id=item.pk, reviewer=bob)
    settings.UNDO_WINDOW_S = 0
    first_call_record(item_id=item.pk, reviewer=bob, label="fake")
    box = {"x": 0.1, "y": 1e-7, "width": 1 / 3, "height": 0.25}
    decision_record(
        item_id=item.pk,
        reviewer=bob,
        label="fake",
        note="pasted",
        parts=["eyes"],
        methods=["paste"],
        regions=[box],
    )
    decisions_settle()
    decision_correct(item_id=item.pk, corrector=bob, label="not_assessable", obstacle="blurred")
    submission_erase(submission_id=item.submission_id, reason="The customer asked for it.", actor=ada)
    person_rename(person=bob, username="bobby")
    person_rename(person=bob, username="bob")


def test_an_untouched_history_is_intact_and_each_forgery_is_named(history: None) -> None:
    assert record_problems() == []
    missed = {}
    for statement, problem in FORGED:
        with transaction.atomic(), connection.cursor() as cursor:
            point = transaction.savepoint()
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            for table in TABLES:
                cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
            cursor.execute(statement)
            assert cursor.rowcount, statement
            named = "\n".join(record_problems())
            transaction.savepoint_rollback(point)
        if not re.search(problem, named):
            missed[statement] = named
    assert missed == {}


def test_an_older_event_is_compared_by_what_it_holds(queued: Callable[[], None], alice: User) -> None:
    queued()
    item = claim_next(alice)
    decision_record(item_id=item.pk, reviewer=alice, label="fake")
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE audit_event DISABLE TRIGGER USER")
        cursor.execute(
            "UPDATE audit_event SET detail = '{\"label\": \"fake\"}' WHERE action = 'item.decided'"
        )
    assert record_problems() == []


def test_older_events_without_a_digest_of_votes_are_counted_and_are_no_fault(
    queued: Callable[[], None],
) -> None:
    queued()
    assert record_notes() == []
    queued()
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE audit_event DISABLE TRIGGER USER")
        cursor.execute(
            "UPDATE audit_event SET detail = detail - 'votes_sha256' "
            "WHERE id = (SELECT min(id) FROM audit_event WHERE action = 'submission.scored')"
        )
    assert record_problems() == []
    (note,) = record_notes()
    assert note.startswith("1 events of a verdict were written before they held votes_sha256")


def test_a_promotion_with_an_event_but_without_a_proposal_of_two_people_is_named(
    serving: Bundle, ada: User, as_application: None
) -> None:
    """What the application's role can write: a promotion, and the event that belongs to it."""
    for actor, kind, action, shift in (
        (None, "promote", "bundle.promoted", 0.5),
        (ada, "promote", "bundle.promoted", 3.0),
        (ada, "rollback", "bundle.rolled_back", -3.0),
    ):
        row = Promotion.objects.create(bundle=serving, kind=kind, promoted_by=actor, shift=shift)
        audit.record(action=action, actor=actor, target=serving, detail={"shift": shift})
    assert record_problems() == [
        f"not approved by two people: promotion {row.pk - 1} (no proposal that another person approved), "
        f"promotion {row.pk} (never in production before)"
    ]
