from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from kyc_review.lifecycle.retain import HELD_FOR, RetentionRule, retention_preview, retention_rule
from kyc_review.submissions.models import RetentionPass

PASSES_SHOWN = 7


class Command(BaseCommand):
    help = "Shows what the retention rule would erase now and what its latest passes erased. Changes nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        for name in ("unreviewed", "reviewed"):
            parser.add_argument(
                f"--{name}-days",
                type=int,
                metavar="DAYS",
                help=f"try this value instead of RETENTION_{name.upper()}_DAYS",
            )

    def handle(self, *args: Any, **options: Any) -> None:
        setting, tried = retention_rule(), (options["unreviewed_days"], options["reviewed_days"])
        if any(days is not None and days < 0 for days in tried):
            raise CommandError("Days must be 0 (keep without limit) or more.")
        rule = RetentionRule(
            *(own if days is None else days for days, own in zip(tried, setting.days, strict=True))
        )
        for name, days in zip(("unreviewed", "reviewed"), rule.days, strict=True):
            kept = f"is erased {days} days after its outcome" if days > 0 else "is kept without limit"
            self.stdout.write(f"What is {name} {kept} (RETENTION_{name.upper()}_DAYS).")
        if rule.kinds:
            self._foretell(rule)
        for row in RetentionPass.objects.order_by("-day")[:PASSES_SHOWN]:
            state = f"ended {row.ended_at:%Y-%m-%d %H:%M}" if row.ended_at else "goes on"
            failed = f", {row.failed} failed (the log says why)" if row.failed else ""
            self.stdout.write(f"Pass of {row.day}: {row.erased} erased{failed}, {state}.")

    def _foretell(self, rule: RetentionRule) -> None:
        told = retention_preview(rule=rule)
        oldest = f", the oldest of {told.oldest:%Y-%m-%d}" if told.oldest else ""
        self.stdout.write(
            f"It would erase {told.due} submissions now{oldest}; {told.reviewed} of them are reviewed, "
            f"{told.gold} are calibration items, {told.in_snapshots} are in snapshots."
        )
        if told.snapshots:
            self.stdout.write(f"Snapshots that would be marked: {', '.join(told.snapshots)}.")
        if told.awaited:
            self.stdout.write(f"Postponed: {told.awaited} wait for a person, however old they are.")
        if told.held:
            self.stdout.write(
                f"Postponed: {told.held} are in snapshots that are being built, trained on or compared on, "
                f"for {HELD_FOR.days} days at most."
            )
