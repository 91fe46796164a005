import time
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from kyc_review.audit import services as audit
from kyc_review.audit.models import Event
from kyc_review.core.files import StorageUnavailable
from kyc_review.core.object_storage.check import store_check
from kyc_review.lifecycle.storage_copy import other_place, storage_at, storage_copy, storages_to_copy
from kyc_review.submissions.storage_identity import (
    ROW_KEPT_S,
    WrongStorage,
    storage_identity_check,
    storage_move,
    storage_place,
)

# Until no process relies on what the database said before, and posts in flight have ended: one that meets a slow store
# tries twice, and each try connects and waits.
MOVED_AFTER_S = ROW_KEPT_S + 27
SAY_EVERY = 10_000
THREADS = 8


class Command(BaseCommand):
    help = (
        "Copy pictures and bundles to the other place of FILE_STORAGE, or try what the object storage does "
        "(docs/object-storage.md)."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="verb", required=True)
        copy = actions.add_parser(
            "copy", help="can be stopped, repeated, and run while everything works; each copy is read back"
        )
        copy.add_argument("--to", choices=("s3", "files"), required=True, help="the place that is not in use")
        copy.add_argument(
            "--compare", action="store_true", help="also read and compare what is there already"
        )
        copy.add_argument(
            "--finish",
            action="store_true",
            help="the last copy: from its beginning on, processes at the place in use are not ready and accept nothing",
        )
        copy.add_argument("--threads", type=int, default=THREADS, help=f"copies at once (default: {THREADS})")
        actions.add_parser(
            "check", help="write, read, list and delete an object, and say what the store can do"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.OBJECT_STORAGE_BUCKET:
            raise CommandError(
                "OBJECT_STORAGE_BUCKET names no bucket; docs/object-storage.md has the settings."
            )
        {"copy": self._copy_all, "check": self._try}[options["verb"]](options)

    def _try(self, options: dict[str, Any]) -> None:
        try:
            for line in store_check(storage_at("s3", "originals")):
                self.stdout.write(line)
        except StorageUnavailable as failed:
            raise CommandError(str(failed.strerror)) from failed

    def _copy_all(self, options: dict[str, Any]) -> None:
        if options["to"] != other_place():
            raise CommandError(
                f"FILE_STORAGE is {settings.FILE_STORAGE}: files are copied from the place in use to the other one, "
                f"{other_place()}."
            )
        try:
            self._begin(options)
        except WrongStorage as wrong:
            raise CommandError(str(wrong)) from wrong
        total = 0
        for name in storages_to_copy():
            total += self._copy(name, options)
        detail = {"to": options["to"], "files": total, "finished": options["finish"]}
        audit.record(action="storage.copied", detail=detail)
        self.stdout.write(
            f"{total} files were copied. "
            + (
                f"Start all processes with FILE_STORAGE={options['to']}, then run manage.py verify."
                if options["finish"]
                else "Stop all processes and repeat this command with --finish to use them."
            )
        )

    def _begin(self, options: dict[str, Any]) -> None:
        """Only what is in use is copied; a last copy that was broken off goes on. Raises WrongStorage."""
        if not options["finish"]:
            storage_identity_check()
        elif storage_move(storage_place(storage_at(options["to"], "originals"))):
            self.stdout.write(f"The database says that originals are in {options['to']} from now on.")
            time.sleep(MOVED_AFTER_S)
        elif _last_move() == options["to"]:
            raise CommandError(
                f"The move to {options['to']} is finished: nothing more is copied from the place before, since what "
                f"is there may be older. Set FILE_STORAGE={options['to']} for this command, too."
            )

    def _copy(self, name: str, options: dict[str, Any]) -> int:
        said = 0
        try:
            for done in storage_copy(name, threads=options["threads"], compare=options["compare"]):
                if done.files - said >= SAY_EVERY:
                    said = done.files
                    self.stdout.write(f"{name}: {done.files} copied so far")
        except OSError as failed:
            reason = failed.strerror or failed
            raise CommandError(
                f"{name}: {failed.filename}: {reason}; repeat the command to go on."
            ) from failed
        earlier = f", {done.versions} earlier versions removed" if done.versions else ""
        self.stdout.write(
            f"{name}: {done.files} copied ({done.size_bytes / 1e6:.1f} MB), {done.there} there already, "
            f"{done.erased} of erased submissions removed{earlier}"
        )
        return done.files


def _last_move() -> str:
    """Where the last move that was finished went; empty when there was none."""
    finished = Event.objects.filter(action="storage.copied", detail__finished=True).order_by("pk").last()
    return str(finished.detail["to"]) if finished else ""
