from django import forms
from django.utils.translation import gettext_lazy

from kyc_review.accounts.models import User
from kyc_review.accounts.user_names import user_name_check
from kyc_review.core.permissions import Role


class PersonForm(forms.ModelForm):
    role = forms.ChoiceField(label=gettext_lazy("Role"), choices=Role.choices, initial=Role.REVIEWER)

    class Meta:
        model = User
        fields = ("username", "first_name", "last_name")

    def clean_username(self) -> str:
        name = str(self.cleaned_data["username"])
        user_name_check(name)
        return name


class RoleForm(forms.Form):
    role = forms.ChoiceField(choices=Role.choices)
