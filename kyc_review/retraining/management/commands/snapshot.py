from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from kyc_review.datasets import manifest
from kyc_review.datasets.erasure_marks import snapshot_mark_unchecked
from kyc_review.datasets.models import Snapshot
from kyc_review.datasets.snapshot_files import SnapshotFailed, place_of
from kyc_review.datasets.snapshot_filters import SnapshotFilter
from kyc_review.datasets.snapshots import snapshot_create, snapshot_export, snapshot_verify
from kyc_review.retraining.api.serializers.snapshots import SnapshotOut
from kyc_review.retraining.management.command_options import json_option, say
from kyc_review.review.models import ReviewItem


class Command(BaseCommand):
    help = "Retraining sets: snapshot create [--name NAME] [--out DIR] | list | verify NAME."

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="verb", required=True)
        create = actions.add_parser("create", help="freeze all decisions made so far, with their images")
        create.add_argument("--name", default="", help="a-z, 0-9 and hyphens; default: the date")
        create.add_argument(
            "--consensus",
            action="store_true",
            help="only decisions that two people agreed on or a third settled",
        )
        create.add_argument(
            "--source", action="append", default=[], help="only of this integration; repeatable"
        )
        create.add_argument(
            "--reason",
            action="append",
            default=[],
            choices=[reason for reason in ReviewItem.Reason.values if reason != ReviewItem.Reason.GOLD],
            help="only with this reason; repeatable",
        )
        create.add_argument(
            "--since", type=date.fromisoformat, help="decided on this day (2026-11-21) or later"
        )
        create.add_argument("--until", type=date.fromisoformat, help="decided on this day or earlier")
        create.add_argument("--out", type=Path, help="also leave a copy in OUT/NAME")
        listing = actions.add_parser("list", help="every snapshot with its counts and state")
        verify = actions.add_parser("verify", help="hash every file again; exit 1 when one differs")
        verify.add_argument("name")
        for one in (create, listing, verify):
            json_option(one)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            getattr(self, options["verb"])(options)
        except SnapshotFailed as failure:
            raise CommandError(str(failure)) from failure
        except BrokenPipeError:  # manage.py's to answer
            raise
        except OSError as error:
            raise CommandError(f"{error.filename or 'The disk'}: {error.strerror}.") from error

    def create(self, options: dict[str, Any]) -> None:
        choices = SnapshotFilter(
            consensus=options["consensus"],
            sources=tuple(options["source"]),
            reasons=tuple(options["reason"]),
            since=options["since"],
            until=options["until"],
        )
        snapshot = snapshot_create(name=options["name"], choices=choices)
        place = place_of(snapshot)
        if options["out"]:
            place = str(snapshot_export(snapshot=snapshot, folder=options["out"]) / manifest.NAME)
        if options["json"]:
            say(self, options, dict(_shown([snapshot])[0]) | {"manifest": place})
            return
        counts = f"{snapshot.count_real} real, {snapshot.count_fake} fake"
        self.stdout.write(f"{place}\n{counts}, digest {snapshot.digest}")

    def list(self, options: dict[str, Any]) -> None:
        rows = Snapshot.objects.select_related("source_bundle", "created_by").order_by("pk")
        if options["json"]:
            say(self, options, _shown(rows))
            return
        for row in rows:
            about = row.error or row.digest[:12]
            self.stdout.write(
                f"{row.name:32} {row.state:8} {row.count_real:7} real {row.count_fake:7} fake  {about}".rstrip()
            )

    def verify(self, options: dict[str, Any]) -> None:
        snapshot = Snapshot.objects.filter(name=options["name"], state=Snapshot.State.READY).first()
        if snapshot is None:
            raise CommandError(f"There is no ready snapshot {options['name']}; `snapshot list` shows all.")
        count = snapshot_verify(snapshot=snapshot)
        whole = f"{count} items, their images and the manifest are as they were frozen."
        say(self, options, {"intact": True, "items": count, "detail": ""}, whole)
        if options["json"]:
            return
        if (mark := snapshot_mark_unchecked(snapshot)) is not None:
            self.stdout.write(f"erased: {mark.number}, since {mark.since:%Y-%m-%d}. Train on a new snapshot.")


def _shown(rows: Iterable[Snapshot]) -> Any:
    """As the API shows them."""
    found = list(rows)
    marks = {row.pk: mark for row in found if (mark := snapshot_mark_unchecked(row))}
    return SnapshotOut(found, many=True, context={"marks": marks}).data
