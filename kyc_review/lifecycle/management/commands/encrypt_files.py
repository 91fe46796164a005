import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from kyc_review.audit import services as audit
from kyc_review.encryption.keys import encryption_ensure, is_on
from kyc_review.encryption.problems import KeysUnavailable
from kyc_review.lifecycle.encrypt import snapshots_encrypt, submissions_encrypt, submissions_left

SAY_EVERY_S = 5.0


class Command(BaseCommand):
    help = (
        "Encrypt the pictures that were stored before KEY_ENCRYPTION was on (docs/encryption.md). Can be stopped and "
        "repeated, and run while everything works."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        if not is_on():
            raise CommandError("KEY_ENCRYPTION is off: turn it on for every process first, and restart them.")
        encryption_ensure()
        files, left, said_at = 0, submissions_left().count(), time.monotonic()
        self.stdout.write(f"{left} submissions may own files that are not encrypted.")
        try:
            for kind, parts in (("submissions", submissions_encrypt()), ("snapshots", snapshots_encrypt())):
                for number, done in enumerate(parts, start=1):
                    files += done
                    if time.monotonic() - said_at >= SAY_EVERY_S:
                        said_at = time.monotonic()
                        of = f" of {left}" if kind == "submissions" else ""
                        self.stdout.write(f"{number}{of} {kind} done, {files} files encrypted so far")
        except (KeysUnavailable, OSError) as refused:
            raise CommandError(f"{refused.strerror or refused}; repeat the command to go on.") from refused
        audit.record(action="keys.files_encrypted", detail={"files": files})
        self.stdout.write(f"{files} files were encrypted; no picture is left in plain form.")
