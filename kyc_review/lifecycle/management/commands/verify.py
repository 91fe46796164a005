from collections import Counter
from itertools import chain
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from kyc_review.core.files import StorageUnavailable
from kyc_review.lifecycle.consistency import (
    archive_problems,
    bundle_problems,
    original_problems,
    snapshot_problems,
    storage_problems,
)
from kyc_review.submissions.models import Submission
from kyc_review.submissions.storage import originals
from kyc_review.submissions.storage_identity import storage_place


class Command(BaseCommand):
    help = (
        "Compare the database with the files that it names: identity of the storage, originals, bundles, snapshots, "
        "archive. Status 1 when anything is missing or was changed. The audit log has `audit verify`."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--read",
            type=int,
            default=1000,
            metavar="N",
            help="submissions, drawn at random, whose pictures are read and hashed (default: 1000)",
        )
        parser.add_argument("--read-all", action="store_true", help="read and hash all pictures")

    def handle(self, *args: Any, **options: Any) -> None:
        there = Submission.objects.filter(erased_at=None).count()
        read = there if options["read_all"] else min(there, options["read"])
        place = storage_place()
        where = originals.path("") if place == "files" else place
        number, locked = 0, Counter[str]()
        try:
            for problem in chain(
                storage_problems(),
                original_problems(read=read, locked=locked),
                bundle_problems(),
                snapshot_problems(),
                archive_problems(),
            ):
                number += 1
                self.stdout.write(problem)
        except StorageUnavailable as unavailable:
            raise CommandError(
                f"{unavailable.strerror}; nothing can be said about the files. Run it again when the store answers."
            ) from unavailable
        failures = [
            f"{count} pictures are there and were not checked: {reason}" for reason, count in locked.items()
        ]
        if number:
            failures.append(
                f"{number} differences; restore these files from the backup (docs/backup.md). Originals: {where}"
            )
        if failures:
            raise CommandError("\n".join(failures))
        self.stdout.write(
            f"As the database says: {there} submissions with their pictures, {read} of them read, originals in {where}."
        )
