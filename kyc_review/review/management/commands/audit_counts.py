from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from kyc_review.review.audit_counts import draws_count, draws_count_again


class Command(BaseCommand):
    help = "Count the answers of the quality sample for its figures, as the default worker does every five minutes."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--again", action="store_true", help="compare with the draws, and correct")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["again"]:
            right, wrong = draws_count_again()
            self.stdout.write(f"{right} counts were right, {wrong} were wrong, missing or too many.")
        self.stdout.write(f"{draws_count()} counts were added.")
