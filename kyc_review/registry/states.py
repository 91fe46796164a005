"""What each bundle is now, and its model card."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models
from django.utils.translation import gettext_lazy as _

from detection import bundle as disk
from kyc_review.core.permissions import may_see_retraining
from kyc_review.registry.bundle_files import file_open
from kyc_review.registry.models import Bundle, Promotion
from kyc_review.registry.selectors import champion
from kyc_review.registry.shadows import shadow_now

if TYPE_CHECKING:
    from kyc_review.accounts.models import User


CARD_MAX_BYTES = 100_000


class BundleState(models.TextChoices):
    """What a bundle is now; CANDIDATE never served."""

    CHAMPION = "champion", _("In production")
    SHADOW = "shadow", _("Scores without effect")
    FORMER = "former", _("Formerly in production")
    CANDIDATE = "candidate", _("Never in production")


def bundle_states(*, viewer: User) -> dict[int, BundleState]:
    """By primary key; whatever is not named is a candidate."""
    return bundle_states_unchecked() if may_see_retraining(viewer) else {}


def bundle_states_unchecked() -> dict[int, BundleState]:
    """`bundle_states` for the command line."""
    states = dict.fromkeys(Promotion.objects.values_list("bundle_id", flat=True), BundleState.FORMER)
    if running := shadow_now():
        states[running.bundle_id] = BundleState.SHADOW
    if serving := champion():
        states[serving.pk] = BundleState.CHAMPION
    return states


def model_card(bundle: Bundle) -> str:
    """Its Markdown; empty when it has none, or it cannot be read."""
    try:
        with file_open(bundle, disk.MODEL_CARD) as file:
            return file.read(CARD_MAX_BYTES).decode(errors="replace")
    except OSError:
        return ""
