from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from kyc_review.records.columns import Period
from kyc_review.records.tables import TABLES
from kyc_review.records.writers import Format

FORMATS = [
    (Format.CSV.value, _("CSV")),
    (Format.JSON_LINES.value, _("JSON Lines")),
    (Format.PARQUET.value, _("Parquet")),
]


class ExportForm(forms.Form):
    """Which table, of which days (in UTC, both included), in which format."""

    records = forms.ChoiceField(
        label=_("Records"), choices=[(table.name, table.title) for table in TABLES.values()]
    )
    since = forms.DateField(
        label=_("From"), widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"})
    )
    until = forms.DateField(label=_("To"), widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}))
    format = forms.ChoiceField(label=_("Format"), choices=FORMATS)

    def clean(self) -> dict[str, Any]:
        sent = super().clean() or {}
        if "since" in sent and "until" in sent and sent["until"] < sent["since"]:
            raise forms.ValidationError(_("The last day is before the first."))
        return sent

    def period(self) -> Period:
        return Period(self.cleaned_data["since"], self.cleaned_data["until"])
