from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand

from kyc_review.accounts.services import roles_ensure


class Command(BaseCommand):
    help = "Bring the database up to date: migrations, roles, the baseline bundle. Safe to repeat."

    def handle(self, *args: Any, **options: Any) -> None:
        call_command("migrate", interactive=False, verbosity=options["verbosity"])
        roles_ensure()
