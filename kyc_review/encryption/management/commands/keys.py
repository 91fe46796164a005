from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db.models import Count

from kyc_review.audit import services as audit
from kyc_review.encryption import keys
from kyc_review.encryption.key_files import KeyFileRefused, key_add, key_file_create
from kyc_review.encryption.models import DataKey
from kyc_review.encryption.problems import KeysUnavailable
from kyc_review.encryption.providers import provider


def _origins() -> dict[str, str]:
    """Of the keys that are there."""
    try:
        return {key_id: provider().origin(key_id) for key_id in provider().ids()}
    except KeysUnavailable:
        return {}


class Command(BaseCommand):
    help = "The keys that encrypt pictures at rest (docs/encryption.md)."

    def add_arguments(self, parser: CommandParser) -> None:
        commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
        making = commands.add_parser("generate", help="write a key file with one new key")
        making.add_argument("file", type=Path)
        making.add_argument("--if-missing", action="store_true", help="leave a key file that is there")
        commands.add_parser("status", help="which keys are in use; exit status 1 when one is missing")
        commands.add_parser("off", help="processes need not encrypt any more; what is encrypted stays so")
        rotating = commands.add_parser("rotate", help="wrap all data keys with the first key-encryption key")
        rotating.add_argument(
            "--new", action="store_true", help="first put a new key at the top of KEY_ENCRYPTION_KEY_FILE"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            getattr(self, "handle_" + options["command"])(options)
        except KeysUnavailable as unavailable:
            raise CommandError(str(unavailable.strerror)) from unavailable
        except (KeyFileRefused, OSError) as refused:
            raise CommandError(str(refused)) from refused

    def handle_generate(self, options: dict[str, Any]) -> None:
        path: Path = options["file"].absolute()
        if options["if_missing"] and path.exists():
            return
        key_file_create(path)
        self.stdout.write(
            f"{path} holds a new key. Without it no picture can be read: keep a copy elsewhere."
        )

    def handle_status(self, options: dict[str, Any]) -> None:
        self.stdout.write(f"Encryption of new pictures is {'on' if keys.is_on() else 'off'}.")
        there = _origins()
        for key_id, origin in there.items():
            self.stdout.write(f"{key_id} is {origin}.")
        counts = DataKey.objects.values_list("key_encryption_key").annotate(number=Count("pk"))
        for key_id, number in counts.order_by("key_encryption_key"):
            missing = "" if key_id in there else ", which is MISSING: their pictures cannot be read"
            self.stdout.write(
                f"{number} data keys " + (f"wrapped with {key_id}{missing}" if key_id else "destroyed")
            )
        if incomplete := DataKey.objects.filter(is_complete=False).count():
            self.stdout.write(f"{incomplete} may own files that are not encrypted: manage.py encrypt_files")
        if text := keys.problem() or keys.difference():
            raise CommandError(text)

    def handle_off(self, options: dict[str, Any]) -> None:
        self.stdout.write(
            "Processes need not encrypt any more. Set KEY_ENCRYPTION=false for every process, restart them, and keep "
            "the keys: what is encrypted stays so."
            if keys.encryption_end()
            else "Processes did not need to encrypt before."
        )

    def handle_rotate(self, options: dict[str, Any]) -> None:
        if options["new"]:
            path = key_add()
            self.stdout.write(
                f"{path} begins with the new key {provider().ids()[0]}. Keep a copy of the file elsewhere."
            )
        done = 0
        while step := keys.rewrap_some():
            done += step
            self.stdout.write(f"{done} wrapped again")
        current, *others = provider().ids()
        audit.record(action="keys.rotated", detail={"key": current, "data_keys": done})
        left = DataKey.objects.exclude(key_encryption_key__in=[current, ""]).count()
        if left:
            raise CommandError(f"{left} data keys are still wrapped with another key; the log says why.")
        self.stdout.write(f"All data keys are wrapped with {current}.")
        if others:
            self.stdout.write(
                f"No data key needs {', '.join(others)} any more. Remove it from the key file once no backup of the "
                "database that was made before has to be restored: that makes those backups' data keys unreadable."
            )
