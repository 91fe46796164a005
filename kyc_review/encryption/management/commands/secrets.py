from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from kyc_review.encryption.shared_secrets import (
    NAMES,
    SecretDiffers,
    fingerprints,
    is_earlier,
    secrets_adopt,
    secrets_compare,
)


class Command(BaseCommand):
    help = "The secrets that all processes share: SECRET_KEY, WEBHOOK_SECRETS_KEY (docs/backup.md)."

    def add_arguments(self, parser: CommandParser) -> None:
        commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
        commands.add_parser(
            "status", help="whether those of this process fit; exit status 1 when one does not"
        )
        commands.add_parser(
            "adopt",
            help="from now on all processes must have the secrets that are in use here: after a rotation",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["command"] == "adopt":
            changed = secrets_adopt()
            self.stdout.write(f"New: {', '.join(changed)}." if changed else "Nothing has changed.")
            return
        known = fingerprints()
        for name in NAMES:
            if name not in known:
                self.stdout.write(f"{name} is not known yet: run manage.py prepare.")
            elif is_earlier(known, name):
                self.stdout.write(
                    f"The {name} of all processes is an earlier value here: when each has the new one, run manage.py "
                    "secrets adopt."
                )
        try:
            secrets_compare(known)
        except SecretDiffers as differs:
            raise CommandError(str(differs)) from differs
