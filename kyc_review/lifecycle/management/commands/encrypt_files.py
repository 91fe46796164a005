from typing import Any

from django.core.management.base import BaseCommand, CommandError

from kyc_review.audit import services as audit
from kyc_review.encryption.keys import is_on
from kyc_review.encryption.problems import KeysUnavailable
from kyc_review.lifecycle.encrypt import snapshots_encrypt, submissions_encrypt

SAY_EVERY = 1000


class Command(BaseCommand):
    help = (
        "Encrypt the pictures that were stored before KEY_ENCRYPTION was on (docs/encryption.md). Can be stopped and "
        "repeated, and run while everything works."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        if not is_on():
            raise CommandError("KEY_ENCRYPTION is off: turn it on for every process first, and restart them.")
        files = 0
        try:
            for number, done in enumerate(submissions_encrypt(), start=1):
                files += done
                if number % SAY_EVERY == 0:
                    self.stdout.write(f"{number} submissions, {files} files encrypted")
            files += sum(snapshots_encrypt())
        except (KeysUnavailable, OSError) as refused:
            raise CommandError(f"{refused.strerror or refused}; repeat the command to go on.") from refused
        audit.record(action="keys.files_encrypted", detail={"files": files})
        self.stdout.write(f"{files} files were encrypted; no picture is left in plain form.")
