from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from detection.bundle import BundleRefused
from kyc_review.accounts.services import roles_ensure
from kyc_review.audit.signing import signing_key_ensure
from kyc_review.registry.bundles import baseline_install


class Command(BaseCommand):
    help = "Bring the database up to date: migrations, roles, the audit log's key, the baseline bundle. Safe to repeat."

    def handle(self, *args: Any, **options: Any) -> None:
        call_command("migrate", interactive=False, verbosity=options["verbosity"])
        roles_ensure()
        signing_key_ensure()
        try:
            baseline_install()
        except BundleRefused as refusal:
            raise CommandError(
                f"No bundle is in production, and the baseline cannot be used: {refusal}"
            ) from refusal
