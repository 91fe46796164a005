from __future__ import annotations

from typing import TYPE_CHECKING

from django import forms
from django.db import models
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from detection.checks import CheckCode
from detection.voting import Verdict
from kyc_review.insights.submission_words import STATES
from kyc_review.review.models import Decision, ReviewItem
from kyc_review.review.selectors import FIRST_LOOK, FIRST_LOOK_LABEL
from kyc_review.scoring.check_words import CODES
from kyc_review.submissions.models import Result


class Erred(models.TextChoices):
    """How a member can contradict human decisions."""

    MISSED = "missed", _("called real what people rejected")
    ALARM = "alarm", _("called fake what people accepted")


class Called(models.TextChoices):
    """What people did with their first calls (`model_monitoring.CALLS`)."""

    APART = "apart", _("called first against the models")
    FOLLOWED = "followed", _("changed to what the models say")
    TOGETHER = "together", _("called first as the models do")
    LEFT = "left", _("changed away from the models")


class Twice(models.TextChoices):
    """Faces with two decisions."""

    ANY = "any", _("decided on by a second person")
    APART = "apart", _("decided on differently by two people")


class Flagged(models.TextChoices):
    """Selfies that a bundle did not clear: all, or those with split votes."""

    ANY = "flagged", _("given to people")
    SPLIT = Verdict.SPLIT_VOTE.value, _("with split votes")


if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

ANY = ("", _("Any"))


def _checks() -> list[tuple[str, str | _StrPromise]]:
    return [ANY, *((code.value, capfirst(str(CODES[code]))) for code in CheckCode)]


class SearchForm(forms.Form):
    q = forms.CharField(required=False, max_length=200)
    state = forms.ChoiceField(
        required=False,
        label=_("State"),
        choices=[ANY, *((state.value, words) for state, words in STATES.items())],
    )
    result = forms.ChoiceField(required=False, label=_("Result"), choices=[ANY, *Result.choices])
    reason = forms.ChoiceField(
        required=False,
        label=_("Reason"),
        choices=[ANY, *ReviewItem.Reason.choices, (FIRST_LOOK, FIRST_LOOK_LABEL)],
    )
    check = forms.ChoiceField(
        required=False,
        label=_("Check found"),
        choices=_checks,
    )
    waiting = forms.ChoiceField(
        required=False,
        label=_("Waiting"),
        choices=[ANY, ("any", _("Waits")), ("at_risk", _("Waits, nearly late")), ("late", _("Waits, late"))],
    )
    reviewer = forms.CharField(required=False, label=_("Reviewer"), max_length=150)
    since = forms.DateField(required=False, label=pgettext_lazy("day", "From"))
    until = forms.DateField(required=False, label=pgettext_lazy("day", "To"))
    # Where the page begins: the last row of the one before (`search.submissions_found`).
    after = forms.RegexField(
        required=False,
        regex=r"^~?[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$",
        error_messages={"invalid": _("The address of this page is damaged; search again.")},
    )
    # These come from plots; the page has no field for them and shows them in words.
    decided = forms.DateTimeField(required=False)
    scored = forms.DateTimeField(required=False)
    hours = forms.IntegerField(
        required=False, min_value=1, max_value=24 * 366
    )  # from `decided` or `scored` on
    label = forms.ChoiceField(required=False, choices=Decision.Label.choices, widget=forms.HiddenInput)
    called = forms.ChoiceField(required=False, choices=Called.choices, widget=forms.HiddenInput)
    twice = forms.ChoiceField(required=False, choices=Twice.choices, widget=forms.HiddenInput)
    bundle = forms.CharField(required=False, max_length=64, widget=forms.HiddenInput)
    shift = forms.FloatField(required=False, widget=forms.HiddenInput)  # of the bundle's thresholds
    verdict = forms.ChoiceField(required=False, choices=Flagged.choices, widget=forms.HiddenInput)
    member = forms.CharField(required=False, max_length=100, widget=forms.HiddenInput)
    erred = forms.ChoiceField(required=False, choices=Erred.choices, widget=forms.HiddenInput)


class AuditForm(forms.Form):
    action = forms.CharField(required=False, max_length=60)
    actor = forms.CharField(required=False, max_length=150)
    target = forms.CharField(required=False, max_length=64)
    since = forms.DateField(required=False)
    until = forms.DateField(required=False)
    before = forms.IntegerField(required=False, min_value=1)


class EraseForm(forms.Form):
    """The reason, and a confirmation that is not given by mistake."""

    reason = forms.CharField(
        max_length=300, error_messages={"required": _("State the reason; auditors read it.")}
    )
    confirmed = forms.BooleanField(
        error_messages={"required": _("Confirm that you understand that it cannot be undone.")}
    )
