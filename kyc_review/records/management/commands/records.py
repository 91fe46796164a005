from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.dateparse import parse_date

from kyc_review.core.errors import DomainError
from kyc_review.records.columns import Period
from kyc_review.records.exports import table_export
from kyc_review.records.tables import TABLES
from kyc_review.records.writers import Format


class Command(BaseCommand):
    help = "Records for auditors: export tables of a period (docs/records.md)."

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        export = verbs.add_parser("export", help="write a table of whole days in UTC into a file")
        export.add_argument("records", choices=list(TABLES))
        export.add_argument("--since", type=_day, required=True, metavar="DAY", help="as 2026-11-01")
        export.add_argument("--until", type=_day, required=True, metavar="DAY", help="included")
        export.add_argument("--format", choices=[format.value for format in Format], default="jsonl")
        export.add_argument("--out", required=True, type=Path, metavar="FILE", help="must not exist yet")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            getattr(self, options["verb"])(options)
        except (OSError, DomainError) as error:
            raise CommandError(str(error)) from error

    def export(self, options: dict[str, Any]) -> None:
        period = Period(options["since"], options["until"])
        if period.until < period.since:
            raise CommandError("The last day is before the first.")
        with options["out"].open("xb") as file:
            try:
                made = table_export(
                    table=TABLES[options["records"]],
                    period=period,
                    format=Format(options["format"]),
                    actor=None,
                )
                for piece in made.pieces:
                    file.write(piece)
            except BaseException:
                options["out"].unlink()
                raise
        self.stdout.write(f"{options['out']}: export {made.id}; the audit log has its rows and SHA-256")


def _day(text: str) -> Any:
    if (day := parse_date(text)) is None:
        raise ValueError(text)
    return day
