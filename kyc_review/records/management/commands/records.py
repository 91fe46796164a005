import shutil
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.dateparse import parse_date

from kyc_review.audit.signing import signing_key_ensure
from kyc_review.core.errors import DomainError
from kyc_review.core.files import new_file
from kyc_review.records.columns import Period
from kyc_review.records.dossier import Audience, dossier_file
from kyc_review.records.exports import table_export
from kyc_review.records.tables import TABLES
from kyc_review.records.writers import Format
from kyc_review.submissions.models import Submission


class Command(BaseCommand):
    help = "Records for auditors: tables of a period, the dossier of a submission (docs/records.md)."

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        export = verbs.add_parser("export", help="write a table of whole days in UTC into a file")
        export.add_argument("records", choices=list(TABLES))
        export.add_argument("--since", type=_day, required=True, metavar="DAY", help="as 2026-11-01")
        export.add_argument("--until", type=_day, required=True, metavar="DAY", help="included")
        export.add_argument("--format", choices=[format.value for format in Format], default="jsonl")
        export.add_argument("--out", required=True, type=Path, metavar="FILE", help="must not exist yet")

        dossier = verbs.add_parser("dossier", help="write all that is stored about a submission into a file")
        dossier.add_argument("id", type=UUID, help="the submission's id")
        dossier.add_argument("--for", dest="audience", choices=[one.value for one in Audience], required=True)
        dossier.add_argument("--out", required=True, type=Path, metavar="FILE", help="must not exist yet")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            getattr(self, options["verb"])(options)
        except (OSError, DomainError) as error:
            raise CommandError(str(error)) from error

    def export(self, options: dict[str, Any]) -> None:
        period = Period(options["since"], options["until"])
        if period.until < period.since:
            raise CommandError("The last day is before the first.")
        with new_file(options["out"]) as file:
            made = table_export(
                table=TABLES[options["records"]],
                period=period,
                format=Format(options["format"]),
                actor=None,
            )
            for piece in made.pieces:
                file.write(piece)
        self.stdout.write(f"{options['out']}: export {made.id}; the audit log has its rows and SHA-256")

    def dossier(self, options: dict[str, Any]) -> None:
        row = Submission.objects.filter(pk=options["id"]).select_related("integration", "scoring").first()
        if row is None:
            raise CommandError(f"There is no submission {options['id']}.")
        signing_key_ensure()
        with new_file(options["out"]) as file:
            packed = dossier_file(submission=row, audience=Audience(options["audience"]), viewer=None)
            with packed.file:
                shutil.copyfileobj(packed.file, file)
        self.stdout.write(f"{options['out']}: signed with key {packed.key}")


def _day(text: str) -> Any:
    if (day := parse_date(text)) is None:
        raise ValueError(text)
    return day
