"""The part that commands of counts share."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from kyc_review.core.db.rollups import Rollup


class RecountCommand(BaseCommand):
    """Subclasses name what they count, and with what it is compared."""

    rollups: tuple[Rollup, ...]
    compared_with: str

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--again", action="store_true", help=f"compare with the {self.compared_with}, and correct"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        for rollup in self.rollups:
            if options["again"]:
                right, wrong = rollup.count_again()
                self.stdout.write(f"{right} counts were right, {wrong} were wrong, missing or too many.")
            self.stdout.write(f"{rollup.count()} counts were added.")
