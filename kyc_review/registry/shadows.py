"""Shadow mode: a candidate scores live selfies after the champion's verdict is stored, without any effect.

What it says is in `scoring.shadow_scores`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext

from kyc_review.audit import services as audit
from kyc_review.core.errors import DomainError, text_within
from kyc_review.core.permissions import Right, may_see_retraining, require_of_actor
from kyc_review.registry.bundle_files import bundle_check
from kyc_review.registry.models import Bundle, Shadow
from kyc_review.registry.selectors import champion

if TYPE_CHECKING:
    from kyc_review.accounts.models import User


class ShadowRefused(DomainError):
    """It cannot be started or ended; the text says why."""

    code = "shadow_refused"


@transaction.atomic
def shadow_start(*, bundle: Bundle, actor: User | None) -> Shadow:
    """Let the bundle score what arrives from now on. Raises PermissionDenied, ShadowRefused, BundleRefused."""
    require_of_actor(actor, Right.PROMOTE)
    if champion() == bundle:
        raise ShadowRefused(gettext("%(version)s serves already.") % {"version": bundle.version})
    bundle_check(bundle)
    try:
        with transaction.atomic():
            shadow = Shadow.objects.create(bundle=bundle, started_by=actor)
    except IntegrityError as error:
        raise ShadowRefused(gettext("Another bundle is in shadow mode; end it first.")) from error
    detail = {"version": bundle.version, "digest": bundle.digest}
    audit.record(action="shadow.started", actor=actor, target=shadow, detail=detail)
    return shadow


@transaction.atomic
def shadow_end(*, shadow: Shadow, actor: User | None, remark: str = "") -> None:
    """Stop it; what it said stays to be read. Raises PermissionDenied, ShadowRefused when it has ended."""
    require_of_actor(actor, Right.PROMOTE)
    remark = text_within(remark, 300, gettext("The remark"), ShadowRefused)
    ended = {"ended_at": timezone.now(), "remark": remark}
    if not Shadow.objects.filter(pk=shadow.pk, ended_at=None).update(**ended):
        raise ShadowRefused(gettext("It has already ended."))
    audit.record(action="shadow.ended", actor=actor, target=shadow, detail={"remark": remark})


def shadow_now() -> Shadow | None:
    """The shadow that runs; one small query, asked by an idle scoring worker."""
    return Shadow.objects.select_related("bundle").filter(ended_at=None).first()


def shadows_listed(*, viewer: User) -> QuerySet[Shadow]:
    """Newest first."""
    rows = Shadow.objects.select_related("bundle", "started_by").order_by("-pk")
    return rows if may_see_retraining(viewer) else rows.none()
