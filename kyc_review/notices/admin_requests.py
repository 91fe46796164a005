"""The notice that an admin asks for an act on an account that needs two admins; another admin decides."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.urls import reverse
from django.utils.translation import gettext_noop

from kyc_review.core.stored_texts import stored
from kyc_review.notices.models import Kind
from kyc_review.notices.outbox import notice_record

if TYPE_CHECKING:
    from kyc_review.accounts.models import AdminRequest, User

# Notices keep it.
ASKS = stored(gettext_noop("%(proposer)s asks for a change of %(person)s's account that needs two admins"))


def admin_request_notice(request: AdminRequest, actor: User) -> None:
    notice_record(
        kind=Kind.PROPOSAL,
        title=ASKS % {"proposer": actor, "person": request.person},
        path=reverse("people:overview"),
        except_for=actor,
    )
