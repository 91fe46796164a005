"""What an admin chooses of the decisions."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from kyc_review.accounts.models import Integration
from kyc_review.datasets.snapshot_filters import SnapshotFilter
from kyc_review.review.models import ReviewItem

REASONS = [choice for choice in ReviewItem.Reason.choices if choice[0] != ReviewItem.Reason.GOLD]


NAME_INVALID = _("Use only letters a-z, digits, hyphens and underscores.")


class SnapshotForm(forms.Form):
    """Nothing chosen means everything that is final."""

    name = forms.SlugField(
        max_length=60,
        required=False,
        label=_("Name"),
        help_text=_("a-z, 0-9 and hyphens; default: the date."),
        error_messages={"invalid": NAME_INVALID},
    )
    consensus = forms.BooleanField(
        required=False, label=_("Consensus only"), help_text=_("Two people agreed, or a third settled it.")
    )
    sources = forms.MultipleChoiceField(
        required=False,
        label=_("Only from"),
        widget=forms.CheckboxSelectMultiple,
        help_text=_("None: from all."),
    )
    reasons = forms.MultipleChoiceField(
        required=False,
        label=_("Only with these reasons"),
        widget=forms.CheckboxSelectMultiple,
        choices=REASONS,
        help_text=_("None: all reasons."),
    )
    since = forms.DateField(
        required=False,
        label=_("Decided from"),
        widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}),
    )
    until = forms.DateField(
        required=False,
        label=_("Decided up to"),
        widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["sources"]
        assert isinstance(field, forms.MultipleChoiceField)
        field.choices = list(Integration.objects.order_by("slug").values_list("slug", "name"))

    def clean(self) -> dict[str, Any]:
        found = super().clean() or {}
        since, until = found.get("since"), found.get("until")
        if since and until and since > until:
            self.add_error("until", _("It is before the first day."))
        return found

    def chosen(self) -> SnapshotFilter:
        """The filter that a valid form states."""
        cleaned = self.cleaned_data
        return SnapshotFilter(
            consensus=cleaned["consensus"],
            sources=tuple(cleaned["sources"]),
            reasons=tuple(cleaned["reasons"]),
            since=cleaned["since"],
            until=cleaned["until"],
        )
