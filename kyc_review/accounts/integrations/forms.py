"""What the console's forms take."""

from datetime import timedelta
from ipaddress import ip_network
from typing import Any, ClassVar

from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator
from django.utils import timezone
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from kyc_review.accounts.models import Integration, Scope, all_scopes


class IntegrationForm(forms.ModelForm):
    class Meta:
        model = Integration
        fields = ("slug", "name")
        error_messages: ClassVar = {
            "slug": {"invalid": _("Use only letters a-z, digits, hyphens and underscores.")}
        }


class KeyForm(forms.Form):
    label = forms.CharField(max_length=60, required=False, label=_("Purpose"))
    mode = forms.ChoiceField(
        choices=[("live", _("Live")), ("test", _("Test"))], initial="live", label=_("Mode")
    )
    scopes = forms.MultipleChoiceField(
        choices=Scope.choices, initial=all_scopes, label=pgettext_lazy("permission", "May")
    )
    expires_days = forms.IntegerField(
        label=_("Expires after (days)"),
        required=False,
        validators=[MinValueValidator(1), MaxValueValidator(3650)],
    )
    networks = forms.CharField(label=_("Allowed networks"), required=False, max_length=1000)
    rate_per_minute = forms.IntegerField(
        label=_("Requests a minute"),
        required=False,
        validators=[MinValueValidator(1), MaxValueValidator(1_000_000)],
    )

    def clean_networks(self) -> list[str]:
        try:
            return [str(ip_network(one, strict=False)) for one in self._words("networks")]
        except ValueError as error:
            raise forms.ValidationError(
                gettext("%(error)s. Write, for example, 203.0.113.0/24.") % {"error": error}
            ) from error

    def _words(self, name: str) -> list[str]:
        return str(self.cleaned_data[name]).replace(",", " ").split()

    def wishes(self) -> dict[str, Any]:
        """Arguments for `key_create`."""
        days = self.cleaned_data["expires_days"]
        return {
            "label": self.cleaned_data["label"],
            "is_test": self.cleaned_data["mode"] == "test",
            "scopes": self.cleaned_data["scopes"],
            "networks": self.cleaned_data["networks"],
            "rate_per_minute": self.cleaned_data["rate_per_minute"],
            "expires_at": timezone.now() + timedelta(days=days) if days else None,
        }
