from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from kyc_review.encryption.shared_secrets import (
    NAMES,
    SecretDiffers,
    fingerprints,
    is_earlier,
    secret_names,
    secrets_adopt,
    secrets_compare,
)
from kyc_review.registry.secret_evidence import secret_evidence


class Command(BaseCommand):
    help = "The secrets that all processes share: SECRET_KEY, WEBHOOK_SECRETS_KEY (docs/backup.md)."

    def add_arguments(self, parser: CommandParser) -> None:
        commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
        commands.add_parser(
            "status", help="whether those of this process fit; exit status 1 when one does not"
        )
        adopting = commands.add_parser(
            "adopt",
            help="from now on all processes must have the secrets that are in use here: after a rotation",
        )
        adopting.add_argument(
            "--lost",
            action="append",
            choices=NAMES,
            default=[],
            metavar="NAME",
            help="the earlier value of this secret is lost: adopt that of this process, unproven",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            getattr(self, "handle_" + options["command"])(options)
        except SecretDiffers as differs:
            raise CommandError(str(differs)) from differs

    def handle_adopt(self, options: dict[str, Any]) -> None:
        changed = secrets_adopt(secret_evidence(), options["lost"])
        self.stdout.write(f"New: {', '.join(changed)}." if changed else "Nothing has changed.")

    def handle_status(self, options: dict[str, Any]) -> None:
        known = fingerprints()
        for name in NAMES:
            if name not in known and name not in secret_names():
                self.stdout.write(f"{name} is not set here, so SECRET_KEY counts.")
            elif name not in known:
                self.stdout.write(f"{name} is not known yet: run manage.py prepare.")
            elif is_earlier(known, name):
                self.stdout.write(
                    f"The {name} of all processes is an earlier value here: when each has the new one, run manage.py "
                    "secrets adopt."
                )
        secrets_compare(known)
