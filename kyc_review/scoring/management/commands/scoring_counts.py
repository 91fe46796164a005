from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from kyc_review.scoring.counts import scorings_count, scorings_count_again


class Command(BaseCommand):
    help = "Count verdicts for the figures over months, as the default worker does every five minutes."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--again", action="store_true", help="compare with the verdicts, and correct")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["again"]:
            right, wrong = scorings_count_again()
            self.stdout.write(f"{right} counts were right, {wrong} were wrong, missing or too many.")
        self.stdout.write(f"{scorings_count()} counts were added.")
