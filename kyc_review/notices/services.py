"""The writers of channels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from django.conf import settings
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.db.models.functions import Now
from django.utils.translation import gettext, gettext_noop

from kyc_review.audit import services as audit
from kyc_review.core.db.clock import database_now
from kyc_review.core.errors import DomainError, text_within
from kyc_review.core.mail_addresses import is_banks_address
from kyc_review.core.permissions import may_manage_webhooks, may_see_retraining
from kyc_review.core.stored_texts import stored
from kyc_review.core.wake import NOTICES
from kyc_review.notices.delivery import channel_disable
from kyc_review.notices.models import (
    ACCOUNT_KINDS,
    CHOSEN_KINDS,
    Channel,
    Kind,
    Medium,
    Notice,
    NoticeDelivery,
)
from kyc_review.notices.outbox import deliveries_make
from kyc_review.webhooks.backoff import GIVE_UP_AFTER
from kyc_review.webhooks.endpoint_health import SWITCHED_OFF_BY_HAND
from kyc_review.webhooks.secret_encryption import seal
from kyc_review.webhooks.services import fresh_secret
from kyc_review.webhooks.ssrf import url_check

if TYPE_CHECKING:
    from kyc_review.accounts.models import User

CHANNELS_MAX = 10  # of one person, and shared ones
DELETED = stored(gettext_noop("Deleted."))
TEST_TITLE = stored(gettext_noop("A test notice"))
TEST_TEXT = stored(gettext_noop("%(person)s asked for it."))


class ChannelRefused(DomainError):
    """It cannot be made or changed so; the text says why and what to do."""

    code = "channel_refused"


def may_change_channel(person: User, channel: Channel) -> bool:
    """Its owner; a shared one: those who manage webhooks."""
    return may_manage_webhooks(person) if channel.owner_id is None else channel.owner_id == person.pk


@transaction.atomic
def channel_create(
    *,
    actor: User,
    medium: str,
    address: str,
    kinds: Sequence[str],
    is_shared: bool = False,
    description: str = "",
) -> tuple[Channel, str]:
    """The row, and for signed JSON its secret, which is shown once.

    Raises ChannelRefused, webhooks.ssrf.AddressRefused for a URL that may not be used.
    """
    owner = None if is_shared else actor
    if not may_see_retraining(actor) or (is_shared and not may_manage_webhooks(actor)):
        raise PermissionDenied(
            gettext("Only admins have shared channels; admins and auditors have their own.")
        )
    there = Channel.objects.filter(owner=owner, deleted_at=None).exclude(kinds=ACCOUNT_KINDS)
    if there.count() >= CHANNELS_MAX:
        raise ChannelRefused(
            gettext("There may be %(most)s channels; delete one first.") % {"most": CHANNELS_MAX}
        )
    row = Channel(
        owner=owner,
        medium=_medium(medium),
        kinds=_kinds(kinds),
        description=text_within(description, 100, gettext("The description"), ChannelRefused),
        created_by=actor,
    )
    secret = ""
    if row.medium == Medium.EMAIL:
        row.email = _email(address)
        if there.filter(email=row.email).exists():
            raise ChannelRefused(gettext("This address has a channel already; change what it is sent."))
    else:
        row.host = url_check(address).hostname or ""
        row.sealed_url = seal(address)
        if row.medium == Medium.JSON:
            secret = fresh_secret()
            row.sealed_secret = seal(secret)
    row.save()
    _record("created", row, actor)
    return row, secret


@transaction.atomic
def channel_change(*, channel: Channel, actor: User, kinds: Sequence[str]) -> Channel:
    """What it is sent. Raises ChannelRefused."""
    row = _locked(channel, actor)
    row.kinds = _kinds(kinds)
    row.save(update_fields=["kinds"])
    _record("changed", row, actor)
    return row


@transaction.atomic
def channel_switch(*, channel: Channel, actor: User, is_active: bool) -> None:
    """On or off; off gives up what waits."""
    row = _locked(channel, actor)
    if row.is_active == is_active:
        return
    if is_active:
        row.is_active, row.disabled_reason = True, ""
        row.save(update_fields=["is_active", "disabled_reason"])
    else:
        channel_disable(channel=row, reason=SWITCHED_OFF_BY_HAND)
    _record("switched_on" if is_active else "switched_off", row, actor)


@transaction.atomic
def channel_delete(*, channel: Channel, actor: User) -> None:
    """It is sent nothing more and is no longer listed."""
    row = _locked(channel, actor)
    channel_disable(channel=row, reason=DELETED)
    Channel.objects.filter(pk=row.pk).update(deleted_at=Now())
    _record("deleted", row, actor)


@transaction.atomic
def channel_test(*, channel: Channel, actor: User) -> None:
    """Send a notice to this channel alone. Raises ChannelRefused."""
    row = _active(channel, actor)
    notice = Notice.objects.create(
        kind=Kind.TEST, title=TEST_TITLE, text=TEST_TEXT % {"person": actor}, path=f"/notices/{row.pk}/"
    )
    deliveries_make(notice, [row])
    _record("tested", row, actor)


@transaction.atomic
def deliveries_resend(*, channel: Channel, actor: User) -> int:
    """Send everything again that was given up; returns how many. Raises ChannelRefused."""
    row, now = _active(channel, actor), database_now()
    number = NoticeDelivery.objects.filter(channel=row, state=NoticeDelivery.State.DEAD).update(
        state=NoticeDelivery.State.PENDING,
        attempts_made=0,
        finished_at=None,
        due_at=now,
        gives_up_at=now + GIVE_UP_AFTER,
    )
    _record("resent", row, actor, number=number)
    transaction.on_commit(NOTICES.send)
    return number


def _locked(channel: Channel, actor: User) -> Channel:
    row = Channel.objects.select_for_update(of=("self",)).get(pk=channel.pk, deleted_at=None)
    if not may_change_channel(actor, row):
        raise PermissionDenied(
            gettext("This channel belongs to another person, or is shared and managed by admins.")
        )
    return row


def _active(channel: Channel, actor: User) -> Channel:
    row = _locked(channel, actor)
    if not row.is_active:
        raise ChannelRefused(gettext("The channel is switched off; switch it on first."))
    return row


def _medium(text: str) -> Medium:
    if text not in Medium.values:
        raise ChannelRefused(gettext("Choose one of %(media)s.") % {"media": ", ".join(Medium.values)})
    return Medium(text)


def _kinds(kinds: Sequence[str]) -> list[str]:
    known = [kind for kind, _ in CHOSEN_KINDS]
    if not kinds or not set(kinds) <= set(known):
        raise ChannelRefused(
            gettext("Choose at least one kind of notice: %(kinds)s.") % {"kinds": ", ".join(known)}
        )
    return [kind for kind in known if kind in kinds]


def _email(address: str) -> str:
    try:
        validate_email(address)
    except ValidationError as error:
        raise ChannelRefused(gettext("This is not an e-mail address.")) from error
    if not is_banks_address(address):
        domains = ", ".join(settings.NOTICE_EMAIL_DOMAINS)
        raise ChannelRefused(
            gettext(
                "Notices go to addresses of the bank only: %(domains)s. The operator sets others in "
                "NOTICE_EMAIL_DOMAINS."
            )
            % {"domains": domains}
        )
    return address


def _record(what: str, row: Channel, actor: User, **more: object) -> None:
    detail = {
        "medium": row.medium,
        "address": row.address,
        "shared": row.owner_id is None,
        "kinds": row.kinds,
    }
    audit.record(action=f"notice_channel.{what}", actor=actor, target=row, detail=detail | more)
