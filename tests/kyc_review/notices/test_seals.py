"""The latest seal of the audit log goes out by mail, once a day, as the line that a verification reads."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from kyc_review.accounts.models import User
from kyc_review.audit.headers import header_hash, header_text
from kyc_review.audit.models import SealedBatch
from kyc_review.audit.roots import roots_read
from kyc_review.audit.sealing import horizon
from kyc_review.audit.signing import public_keys, signing_key, signing_key_ensure
from kyc_review.notices.delivery import deliver_until_idle
from kyc_review.notices.models import Notice
from kyc_review.notices.seals import seal_tell
from kyc_review.notices.services import channel_create
from tests.factories.mail_server import MailServer

pytestmark = pytest.mark.django_db


@pytest.fixture
def sealed(private_data: Path) -> Callable[[int], SealedBatch]:
    """sealed(number) stores a batch with a true signature."""
    signing_key_ensure()

    def make(number: int) -> SealedBatch:
        last = SealedBatch.objects.order_by("number").last()
        batch = SealedBatch(
            number=number,
            sealed_at=timezone.now(),
            cluster=horizon().cluster,
            through_transaction=number,
            through_event=number,
            next_transaction=number + 1,
            size=1,
            event_ids=number.to_bytes(8),
            leaves=bytes(32),
            root=bytes(32),
            previous=header_hash(last) if last else bytes(32),
            key_id=next(iter(public_keys())),
        )
        batch.signature = signing_key().sign(header_text(batch).encode())
        batch.save(force_insert=True)
        return batch

    return make


def test_the_latest_seal_is_told_once_a_day(
    sealed: Callable[[int], SealedBatch], staff: Callable[..., User], mail_server: MailServer, tmp_path: Path
) -> None:
    channel_create(
        actor=staff("ada", "admin"), medium="email", address="ada@bank.example", kinds=["audit.sealed"]
    )
    assert seal_tell() is None, "nothing was sealed yet"
    sealed(1)
    batch = sealed(2)
    assert seal_tell() is not None
    sealed(3)
    assert seal_tell() is None, "once a day"
    Notice.objects.update(created_at=timezone.now() - timedelta(days=2))
    assert seal_tell() is not None
    Notice.objects.update(created_at=timezone.now() - timedelta(days=2))
    assert seal_tell() is None, "there is no newer one"
    assert deliver_until_idle() == 1, "both in one message"
    lines = [
        line
        for _, _, message in mail_server.took
        for line in message.get_content().splitlines()
        if line.startswith("{")
    ]
    kept = tmp_path / "kept.jsonl"
    kept.write_text("\n".join(lines) + "\n")
    first, second = sorted(roots_read(kept), key=lambda root: root.number)
    assert (first.number, second.number, first.header) == (2, 3, header_text(batch))
    public_keys()[batch.key_id].verify(bytes.fromhex(first.signature), first.header.encode())
