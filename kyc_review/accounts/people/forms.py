from django import forms
from django.utils.translation import gettext_lazy

from kyc_review.accounts.models import User
from kyc_review.core.permissions import Role


class PersonForm(forms.ModelForm):
    role = forms.ChoiceField(label=gettext_lazy("Role"), choices=Role.choices, initial=Role.REVIEWER)

    class Meta:
        model = User
        fields = ("username", "first_name", "last_name")


class RoleForm(forms.Form):
    role = forms.ChoiceField(choices=Role.choices)
