"""The outbox of notices: rows written in the transaction of the event; `notices.delivery` sends them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models.functions import Now

from kyc_review.core.mail_addresses import is_banks_address
from kyc_review.core.permissions import may_see_retraining
from kyc_review.core.wake import NOTICES
from kyc_review.notices.models import ACCOUNT_KINDS, Channel, Kind, Notice, NoticeDelivery
from kyc_review.webhooks.backoff import GIVE_UP_AFTER

if TYPE_CHECKING:
    from kyc_review.accounts.models import User

# Many of these may follow one another; they are gathered in one message.
GATHERED_FOR = {Kind.OVERTURNED: timedelta(minutes=10)}


@transaction.atomic
def notice_record(
    *, kind: Kind, title: str, path: str, text: str = "", except_for: User | None = None
) -> Notice | None:
    """Write a notice for every channel that chose this kind; None when there is none.

    `except_for`: the person who caused it, whose own channels are left out.
    """
    channels = [
        channel
        for channel in Channel.objects.filter(is_active=True, kinds__contains=[kind.value]).select_related(
            "owner"
        )
        if is_eligible(channel) and (except_for is None or channel.owner_id != except_for.pk)
    ]
    if not channels:
        return None
    notice = Notice.objects.create(
        kind=kind, title=_line(title, 200), text=text.strip()[:1000], path=path[:300]
    )
    deliveries_make(notice, channels, due_in=GATHERED_FOR.get(kind, timedelta(0)))
    return notice


def deliveries_make(notice: Notice, channels: list[Channel], *, due_in: timedelta = timedelta(0)) -> None:
    """One delivery for each channel; the worker is told after the transaction."""
    NoticeDelivery.objects.bulk_create(
        NoticeDelivery(
            notice=notice, channel=channel, due_at=Now() + due_in, gives_up_at=Now() + GIVE_UP_AFTER
        )
        for channel in channels
    )
    transaction.on_commit(NOTICES.send)


def is_eligible(channel: Channel) -> bool:
    """Whether its owner may still read what notices tell, and its e-mail address is one of the bank."""
    if channel.email and not is_banks_address(channel.email):
        return False
    if channel.kinds == ACCOUNT_KINDS:
        return True
    return channel.owner is None or may_see_retraining(channel.owner)


def _line(text: str, length: int) -> str:
    """One line: a title becomes the subject of an e-mail."""
    return " ".join(text.split())[:length]
