import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from detection.bundle import BundleRefused
from kyc_review.retraining.bundles import bundle_promote, bundle_register, bundle_rollback
from kyc_review.retraining.models import Bundle
from kyc_review.retraining.selectors import champion


class Command(BaseCommand):
    help = "The registry of bundles: bundle list | add PATH | show REF | promote PATH-or-REF | rollback."

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="verb", required=True)
        actions.add_parser("list", help="all bundles; * marks the champion")
        actions.add_parser("add", help="register a bundle without promoting it").add_argument("ref")
        actions.add_parser("show", help="provenance and metrics").add_argument("ref")
        promote = actions.add_parser("promote", help="make a bundle champion; workers take it over at once")
        promote.add_argument("ref", help="a folder, a digest (12 characters are enough) or a version")
        rollback = actions.add_parser("rollback", help="return to the champion before this one")
        for action in (promote, rollback):
            action.add_argument("--reason", default="", help="kept in the audit log")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            getattr(self, options["verb"])(options)
        except BundleRefused as refusal:
            raise CommandError(str(refusal)) from refusal

    def list(self, options: dict[str, Any]) -> None:
        serving = champion()
        for row in Bundle.objects.order_by("registered_at"):
            mark = "*" if row == serving else " "
            day = f"{row.registered_at:%Y-%m-%d %H:%M}"
            self.stdout.write(f"{mark} {row.digest[:12]}  {row.version:30} {row.source:9} {day}")

    def add(self, options: dict[str, Any]) -> None:
        row = bundle_register(path=Path(options["ref"]), source=Bundle.Source.TRAINED)
        self.stdout.write(f"{row} is registered; `bundle promote {row.digest[:12]}` makes it serve.")

    def show(self, options: dict[str, Any]) -> None:
        row = self.find(options["ref"])
        self.stdout.write(f"{row}, {row.directory}")
        self.stdout.write(json.dumps({"provenance": row.provenance, "metrics": row.metrics}, indent=2))

    def promote(self, options: dict[str, Any]) -> None:
        ref = options["ref"]
        if (Path(ref) / "manifest.json").is_file():
            row = bundle_register(path=Path(ref), source=Bundle.Source.TRAINED)
        else:
            row = self.find(ref)
        bundle_promote(bundle=row, reason=options["reason"])
        self.stdout.write(f"{row} serves; scoring workers load it before their next batch.")

    def rollback(self, options: dict[str, Any]) -> None:
        row = bundle_rollback(reason=options["reason"]).bundle
        self.stdout.write(f"{row} serves again; scoring workers load it before their next batch.")

    def find(self, ref: str) -> Bundle:
        found = Bundle.objects.filter(version=ref) or Bundle.objects.filter(digest__startswith=ref)
        if len(found) != 1:
            several = f"{len(found)} bundles answer to" if found else "there is no bundle"
            raise CommandError(
                f"{several} {ref!r}; `bundle list` shows digests, a folder needs a manifest.json."
            )
        return found[0]
