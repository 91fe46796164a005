"""The forms of the queue page."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django import forms
from django.conf import settings
from django.utils.text import capfirst
from django.utils.translation import gettext, gettext_lazy

from detection.checks import CheckCode
from kyc_review.accounts.models import Integration, User
from kyc_review.core.permissions import ROLES_WITH, Right
from kyc_review.review.models import ReviewItem
from kyc_review.review.queue_list import QueueFilter, Sort
from kyc_review.review.selectors import FIRST_LOOK, FIRST_LOOK_LABEL
from kyc_review.scoring.check_words import CODES

ANY = ("", gettext_lazy("Any"))
SORTS = (
    (Sort.ORDER, gettext_lazy("Order of assignment")),
    (Sort.OLDEST, gettext_lazy("Longest waiting")),
    (Sort.NEWEST, gettext_lazy("Newest")),
)


def _reviewers() -> Any:
    return User.objects.filter(groups__name__in=ROLES_WITH[Right.DECIDE]).distinct().order_by("username")


class QueueFilterForm(forms.Form):
    """Filters of the list, from the address. Values that do not exist filter nothing."""

    reason = forms.ChoiceField(
        required=False,
        label=gettext_lazy("Reason"),
        choices=[ANY, *ReviewItem.Reason.choices, (FIRST_LOOK, FIRST_LOOK_LABEL)],
    )
    check = forms.ChoiceField(
        required=False,
        label=gettext_lazy("Check found"),
        choices=lambda: [ANY, *((code.value, capfirst(str(CODES[code]))) for code in CheckCode)],
    )
    late = forms.ChoiceField(
        required=False, label=gettext_lazy("Waiting"), choices=[ANY, ("on", gettext_lazy("Late"))]
    )
    integration = forms.ModelChoiceField(
        Integration.objects.order_by("name"), required=False, label=gettext_lazy("From"), empty_label=ANY[1]
    )
    kept_for = forms.ModelChoiceField(
        _reviewers(), required=False, label=gettext_lazy("Offered to"), empty_label=ANY[1]
    )
    escalated_by = forms.ModelChoiceField(
        _reviewers(), required=False, label=gettext_lazy("Escalated by"), empty_label=ANY[1]
    )
    sort = forms.ChoiceField(required=False, label=gettext_lazy("Sort"), choices=SORTS)
    field = forms.ChoiceField(required=False, label=gettext_lazy("Metadata field"))
    value = forms.CharField(required=False, max_length=100, label=gettext_lazy("Metadata value"))
    after = forms.IntegerField(required=False, min_value=1, widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        names = settings.QUEUE_METADATA_FIELDS
        self.fields["field"].choices = [(name, name) for name in names]  # type: ignore[attr-defined]
        if not names:
            del self.fields["field"], self.fields["value"]

    def wanted(self) -> QueueFilter:
        self.full_clean()
        found = self.cleaned_data
        return QueueFilter(
            reason=found.get("reason", ""),
            check=found.get("check", ""),
            is_late=bool(found.get("late")),
            integration=getattr(found.get("integration"), "pk", None),
            field=found.get("field", ""),
            value=found.get("value", ""),
            kept_for=getattr(found.get("kept_for"), "pk", None),
            escalated_by=getattr(found.get("escalated_by"), "pk", None),
            sort=Sort(found.get("sort") or Sort.ORDER),
        )

    def query(self) -> str:
        """The filters as an address's query string, without the page."""
        values = {name: self.cleaned_data.get(name) for name in self.fields if name != "after"}
        return urlencode({name: getattr(value, "pk", value) for name, value in values.items() if value})

    def in_words(self) -> list[str]:
        """What is set, as "Reason: Picture check"; the usual order is not named."""
        found = []
        for name, value in self.cleaned_data.items():
            if not value or name in ("after", "field", "late") or (name == "sort" and value == Sort.ORDER):
                continue
            # People and systems name themselves; the other fields hold codes.
            codes = {} if hasattr(value, "pk") else dict(getattr(self.fields[name], "choices", ()))
            named = codes.get(value, value)
            found.append(gettext("%(name)s: %(value)s") % {"name": self.fields[name].label, "value": named})
        if self.cleaned_data.get("late"):
            found.append(gettext("Late"))
        return found

    @property
    def is_filtered(self) -> bool:
        return any(
            value for name, value in self.cleaned_data.items() if name not in ("after", "sort", "field")
        )


class DistributeForm(forms.Form):
    """Items of the list, and what is to happen to them."""

    act = forms.ChoiceField(choices=[("assign", "Assign"), ("return", "Return to queue")])
    item = forms.TypedMultipleChoiceField(coerce=int, choices=())
    to = forms.ModelChoiceField(_reviewers().filter(is_active=True), required=False)

    def __init__(self, data: Any) -> None:
        super().__init__(data)
        numbers = [value for value in data.getlist("item") if value.isdecimal() and len(value) < 16]
        self.fields["item"].choices = [(number, number) for number in numbers]  # type: ignore[attr-defined]
