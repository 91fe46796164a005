"""E-mails to people about their own account. They cannot be switched off."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction

from kyc_review.core.mail_addresses import is_banks_address
from kyc_review.notices.models import ACCOUNT_KINDS, Channel, Kind, Medium, Notice
from kyc_review.notices.outbox import deliveries_make

if TYPE_CHECKING:
    from kyc_review.accounts.models import User


@transaction.atomic
def account_notice_record(*, person: User, title: str, text: str) -> Notice | None:
    """To the person's address; None where they have none of the bank. In the transaction of the change."""
    if not person.email or not is_banks_address(person.email):
        return None
    channel, _ = Channel.objects.get_or_create(
        owner=person,
        medium=Medium.EMAIL,
        email=person.email,
        kinds=ACCOUNT_KINDS,
        deleted_at=None,
        defaults={"created_by": person},
    )
    if not channel.is_active:
        Channel.objects.filter(pk=channel.pk).update(is_active=True, disabled_reason="")
    notice = Notice.objects.create(kind=Kind.ACCOUNT, title=title, text=text, path="/account/")
    deliveries_make(notice, [channel])
    return notice
