from django import forms

from .models import Decision


class DecisionForm(forms.Form):
    label = forms.ChoiceField(
        choices=Decision.Label,
        error_messages={
            "required": "Choose real or fake first.",
            "invalid_choice": "Choose real or fake first.",
        },
    )
    note = forms.CharField(required=False, max_length=2000)


class ClaimForm(forms.Form):
    skipped = forms.BooleanField(required=False)
