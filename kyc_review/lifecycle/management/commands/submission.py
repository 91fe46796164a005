from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.dateparse import parse_date

from kyc_review.audit.models import Event
from kyc_review.datasets.erasure_marks import bundles_holding_unchecked, snapshots_holding_unchecked
from kyc_review.lifecycle.erase import submission_erase
from kyc_review.submissions.models import Submission


class Command(BaseCommand):
    help = "Permanently erase a submission (GDPR, article 17), or list erased ones."

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="verb", required=True)
        erase = actions.add_parser("erase", help="delete its picture and all references to the applicant")
        erase.add_argument("id", type=UUID, help="the submission's id")
        erase.add_argument(
            "--reason",
            required=True,
            help="stored in the audit log, as the number of a request; do not use names",
        )
        erased = actions.add_parser(
            "erased", help="ids of erased submissions, to erase them again after restoring an older backup"
        )
        erased.add_argument("--since", type=_day, help="only from this day on, as 2026-11-21")

    def handle(self, *args: Any, **options: Any) -> None:
        getattr(self, options["verb"])(options)

    def erase(self, options: dict[str, Any]) -> None:
        before = Submission.objects.filter(pk=options["id"]).exclude(erased_at=None).first()
        if before is not None:
            self.stdout.write(_erased_already(before))
            return
        try:
            row = submission_erase(submission_id=options["id"], reason=options["reason"])
        except Submission.DoesNotExist:
            raise CommandError(f"There is no submission {options['id']}.") from None
        except ValueError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{row.pk} was erased at {row.erased_at:%Y-%m-%d %H:%M:%S}.")
        for snapshot in snapshots_holding_unchecked(row.pk):
            self.stdout.write(f"Marked: snapshot {snapshot.name}; its copy of the picture is deleted.")
        for bundle in bundles_holding_unchecked(row.pk):
            self.stdout.write(f"Marked: bundle {bundle.version} learned from it; retrain without it.")

    def erased(self, options: dict[str, Any]) -> None:
        rows = Submission.objects.filter(erased_at__isnull=False).order_by("erased_at")
        if options["since"]:
            rows = rows.filter(erased_at__date__gte=options["since"])
        for pk, at in rows.values_list("pk", "erased_at"):
            self.stdout.write(f"{pk} {at:%Y-%m-%dT%H:%M:%SZ}")


def _erased_already(row: Submission) -> str:
    erasures = Event.objects.filter(
        action="submission.erased", target_kind="submission", target_id=str(row.pk)
    )
    event = erasures.order_by("pk").first()
    why = (
        f', by {event.actor_name or "the system"}, with the reason "{event.detail.get("reason", "")}"'
        if event
        else ""
    )
    return (
        f"{row.pk} was erased already, at {row.erased_at:%Y-%m-%d %H:%M:%S}{why}. "
        "Nothing was changed, and the reason given now is not recorded."
    )


def _day(text: str) -> Any:
    if (day := parse_date(text)) is None:
        raise ValueError(text)
    return day
