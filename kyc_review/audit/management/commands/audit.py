from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from kyc_review.audit import services
from kyc_review.audit.models import SealedBatch
from kyc_review.audit.pruned import PRUNED_ACTIONS
from kyc_review.audit.pruning import PruningRefused, prune_next
from kyc_review.audit.record_checks import records_verify
from kyc_review.audit.roots import RootsFileError, root_lines, roots_file, roots_read
from kyc_review.audit.sealing import ChainRefused, batch_seal, seal_all
from kyc_review.audit.signing import (
    SigningKeyError,
    key_file,
    key_id,
    public_keys,
    public_keys_dir,
    signing_key,
    signing_key_create,
)
from kyc_review.audit.verification import Report, notes, verify
from kyc_review.core.db.roles import RoleError, as_owner, is_time_out, owned_tables, role_settings

SETTING = (
    "setting of the role: %s; every session of the application begins with it. ALTER ROLE ... RESET takes it back; "
    "what is meant belongs into DATABASE_URL (docs/audit.md)"
)


class Command(BaseCommand):
    help = "Seals and verifies the audit log (docs/audit.md)."

    def add_arguments(self, parser: CommandParser) -> None:
        commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
        verifying = commands.add_parser(
            "verify",
            help="find changed, missing, inserted and back-dated events and records; exit status 1 if there are any",
        )
        verifying.add_argument(
            "--keys", type=Path, metavar="FOLDER", help="trusted public keys (*.pem), kept elsewhere"
        )
        verifying.add_argument(
            "--roots", type=Path, metavar="FILE", help="roots that were sent out, kept elsewhere"
        )
        sealing = commands.add_parser(
            "seal", help="seal what is settled now, as the default worker does every 10 seconds"
        )
        sealing.add_argument(
            "--accept", type=int, metavar="BATCH", help="build on this latest batch although it is refused"
        )
        roots = commands.add_parser("roots", help="print the signed header of each batch, one a line")
        roots.add_argument("--since", type=int, default=1, metavar="BATCH", help="the first batch")
        verifying.add_argument(
            "--seals-only", action="store_true", help="do not compare records with their events"
        )
        verifying.add_argument(
            "--archive",
            action="store_true",
            help="read the files of pruned events, and compare them with the seals and with records",
        )
        pruning = commands.add_parser(
            "prune", help="take mass events older than AUDIT_KEPT_DAYS out of the log, into the archive"
        )
        pruning.add_argument("--really", action="store_true", help="without it, nothing changes")
        commands.add_parser(
            "rotate-key", help="make a new signing key; batches that are already sealed stay valid"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            getattr(self, "handle_" + options["command"].replace("-", "_"))(options)
        except (SigningKeyError, RootsFileError, ChainRefused, PruningRefused, RoleError, OSError) as refused:
            raise CommandError(str(refused)) from refused

    def handle_verify(self, options: dict[str, Any]) -> None:
        for given in (options["keys"], options["roots"]):
            if given and not given.exists():
                raise CommandError(f"{given} does not exist.")
        path = options["roots"] or roots_file()
        published = list(roots_read(path)) if path.exists() else []
        report = verify(keys=public_keys(options["keys"]), published=published, archive=options["archive"])
        told: list[str] = []
        for setting in role_settings():
            (told if is_time_out(setting) else report.problems).append(SETTING % setting)
        if not options["seals_only"]:
            problems, of_records = records_verify(archive=options["archive"])
            report.problems += problems
            told += of_records
        self._tell(
            report, f"{len(published)} published roots of {path}" if published else "no published roots"
        )
        for line in told:
            self.stdout.write(line)
        if report.problems:
            raise CommandError(
                f"{len(report.problems)} problems:\n" + "\n".join(f"  {text}" for text in report.problems)
            )
        self.stdout.write(self.style.SUCCESS("The audit log is intact."))

    def _tell(self, report: Report, compared: str) -> None:
        self.stdout.write(f"{report.events} events in {report.batches} batches, compared with {compared}.")
        if report.last:
            last = report.last
            self.stdout.write(f"Last batch: {last.number}, root {bytes(last.root).hex()}, {last.sealed_at}.")
        for line in notes(report):
            self.stdout.write(line)
        if owned := owned_tables():
            self.stdout.write(
                f"The role of DATABASE_URL owns {owned} tables, so records are not written once for it: "
                "set DATABASE_OWNER_URL for `manage.py prepare` (docs/audit.md)."
            )

    def handle_seal(self, options: dict[str, Any]) -> None:
        if number := options["accept"]:
            services.record(action="audit.batch_accepted", detail={"batch": number})
            batch_seal(accepted=number)
        self.stdout.write(f"Sealed {seal_all()} events.")

    def handle_prune(self, options: dict[str, Any]) -> None:
        if not options["really"]:
            raise CommandError(
                f"AUDIT_KEPT_DAYS is {settings.AUDIT_KEPT_DAYS}. `--really` writes older events of "
                f"{', '.join(PRUNED_ACTIONS)} to the archive and deletes them; their seals stay (docs/audit.md)."
            )
        with as_owner():
            while detail := prune_next():
                self.stdout.write(
                    f"batch {detail['from_batch']} to {detail['through_batch']}: {detail['deleted']} events pruned, "
                    f"{detail['file']}, SHA-256 {detail['sha256']}"
                )

    def handle_roots(self, options: dict[str, Any]) -> None:
        batches = SealedBatch.objects.filter(number__gte=options["since"]).defer("leaves").order_by("number")
        for line in root_lines(batches.iterator(chunk_size=20)):
            self.stdout.write(line, ending="")

    def handle_rotate_key(self, options: dict[str, Any]) -> None:
        old = key_id(signing_key().public_key()) if key_file().exists() else ""
        new = signing_key_create()
        services.record(action="audit.key_rotated", detail={"old": old, "new": new})
        self.stdout.write(
            f"{key_file()} holds the new key {new}. Keep a copy of {public_keys_dir()} elsewhere."
        )
