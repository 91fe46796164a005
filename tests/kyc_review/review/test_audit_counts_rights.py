"""The release before serves while `prepare` migrates: its role has no right on the new tables until the end of that."""

from collections.abc import Callable

from django.conf import LazySettings
from django.db import connection

from devstack.postgres import ROLE
from kyc_review.accounts.models import User
from kyc_review.audit.write_once import privileges_grant
from kyc_review.review.decisions import decision_record, decision_undo
from kyc_review.review.models import AuditDraw, AuditTouch
from kyc_review.submissions.models import Submission
from tests.factories.claims import claim_next


def test_outcomes_and_decisions_are_stored_without_rights_on_the_counts(
    clear: Callable[..., Submission], alice: User, settings: LazySettings
) -> None:
    settings.AUDIT_SHARE, settings.UNDO_WINDOW_S = 1.0, 60
    privileges_grant(ROLE)
    touched = []
    with connection.cursor() as cursor:
        cursor.execute(
            f"REVOKE ALL ON review_audittouch, review_auditcount, review_auditcountmark FROM {ROLE}"
        )

        def as_application(act: Callable[[], object]) -> None:
            before = AuditTouch.objects.count()
            cursor.execute(f"SET LOCAL ROLE {ROLE}")
            act()
            cursor.execute("RESET ROLE")
            touched.append(AuditTouch.objects.count() > before)

        as_application(clear)
        item = claim_next(alice)
        as_application(lambda: decision_record(item_id=item.pk, reviewer=alice, label="fake"))
        as_application(lambda: decision_undo(item_id=item.pk, reviewer=alice))
    assert AuditDraw.objects.filter(submission=item.submission, outcome="clear").exists()
    assert touched == [True, True, True]
