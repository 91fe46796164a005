from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from kyc_review.retraining.models import Snapshot
from kyc_review.retraining.snapshots import SnapshotFailed, snapshot_build, snapshot_request, snapshot_verify


class Command(BaseCommand):
    help = "Retraining sets: snapshot create [--name NAME] | list | verify NAME."

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="verb", required=True)
        actions.add_parser("create", help="freeze all decisions made so far").add_argument(
            "--name", default=""
        )
        actions.add_parser("list")
        actions.add_parser("verify", help="hash every file again").add_argument("name")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            getattr(self, options["verb"])(options)
        except SnapshotFailed as failure:
            raise CommandError(str(failure)) from failure

    def create(self, options: dict[str, Any]) -> None:
        snapshot = snapshot_build(snapshot=snapshot_request(name=options["name"]))
        counts = f"{snapshot.count_real} real, {snapshot.count_fake} fake"
        self.stdout.write(f"{snapshot.directory / 'manifest.json'}\n{counts}, sha256 {snapshot.digest}")

    def list(self, options: dict[str, Any]) -> None:
        for row in Snapshot.objects.order_by("pk"):
            self.stdout.write(
                f"{row.name:32} {row.state:8} {row.count_real:7} real {row.count_fake:7} fake  {row.error}"
            )

    def verify(self, options: dict[str, Any]) -> None:
        snapshot = Snapshot.objects.filter(name=options["name"], state=Snapshot.State.READY).first()
        if snapshot is None:
            raise CommandError(f"There is no ready snapshot {options['name']}; `snapshot list` shows all.")
        self.stdout.write(
            f"{snapshot_verify(snapshot=snapshot)} images and the manifest are as they were frozen."
        )
