import time
from collections.abc import Mapping
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from kyc_review.core.numbers import upper_bound
from kyc_review.datasets.models import Snapshot
from kyc_review.retraining.api.jobs import comparison_whole
from kyc_review.retraining.api.serializers.jobs import ComparisonOut
from kyc_review.retraining.management.command_options import bundle_named, json_option, say
from kyc_review.training.comparisons import comparison_request
from kyc_review.training.gate import gate, point_at, sample_in_words
from kyc_review.training.gate_limits import Limits
from kyc_review.training.jobs import JobRefused
from kyc_review.training.models import Comparison

WATCH_EVERY_S = 0.2


class Command(BaseCommand):
    help = (
        "Champion against another bundle: comparison start BUNDLE SNAPSHOT [--wait] | list | "
        "show NUMBER [--shift SHIFT]."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        start = verbs.add_parser("start", help="the training worker runs it; a training run requests its own")
        start.add_argument("bundle", help="a version, or 8 or more digits of a digest")
        start.add_argument("snapshot", help="a ready snapshot's name")
        start.add_argument("--wait", action="store_true", help="wait until it has ended; exit 1 if it failed")
        json_option(start)
        json_option(verbs.add_parser("list", help="every comparison, newest last"))
        show = verbs.add_parser("show", help="its figures and the gate at one operating point")
        show.add_argument("number", type=int)
        show.add_argument("--shift", type=float, default=0.0, help="of the thresholds, on the logit scale")
        json_option(show)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            getattr(self, options["verb"])(options)
        except JobRefused as refusal:
            raise CommandError(str(refusal)) from refusal

    def start(self, options: dict[str, Any]) -> None:
        snapshot = Snapshot.objects.filter(name=options["snapshot"]).first()
        if snapshot is None:
            raise CommandError(f"There is no snapshot {options['snapshot']}; see `manage.py snapshot list`.")
        row = comparison_request(snapshot=snapshot, candidate=bundle_named(options["bundle"]), actor=None)
        if not options["wait"]:
            waits = f"Comparison {row.pk} waits for the training worker."
            say(self, options, comparison_whole(row, shift=0.0), waits)
            return
        while not row.is_ended:
            time.sleep(WATCH_EVERY_S)
            row.refresh_from_db()
        self._show(row, 0.0, options)
        if row.state != Comparison.State.SUCCEEDED:
            raise CommandError(f"Comparison {row.pk} has no report.")

    def list(self, options: dict[str, Any]) -> None:
        rows = Comparison.objects.select_related("snapshot", "champion", "candidate", "created_by")
        rows = rows.order_by("pk")
        if options["json"]:
            say(self, options, ComparisonOut(rows, many=True).data)
            return
        for row in rows:
            self.stdout.write(_line(row))

    def show(self, options: dict[str, Any]) -> None:
        row = Comparison.objects.filter(pk=options["number"]).first()
        if row is None:
            raise CommandError(f"There is no comparison {options['number']}; `comparison list` shows all.")
        self._show(row, options["shift"], options)

    def _show(self, row: Comparison, shift: float, options: dict[str, Any]) -> None:
        try:
            if options["json"]:
                say(self, options, comparison_whole(row, shift=shift))
                return
            self.stdout.write(_line(row))
            for line in _figures(row, shift) if row.report else ():
                self.stdout.write(line)
        except KeyError as error:
            raise CommandError(f"{shift:g} is not one of the operating points.") from error


def _line(row: Comparison) -> str:
    about = f"{row.candidate} against {row.champion} on {row.snapshot.name}"
    return f"{row.pk:5} {row.state:10} {about} {row.error}".rstrip()


def _figures(row: Comparison, shift: float) -> list[str]:
    """Raises KeyError."""
    held_out = row.report["holdout"]
    found = gate(row.report, shift=shift, limits=Limits.current())
    checks = [f"{check.name}: {check.answer}. {check.detail}" for check in found]
    return [*_weighted(held_out, shift), *_unweighted(held_out, shift), *checks]


def _weighted(held_out: Mapping[str, Any], shift: float) -> list[str]:
    """Raises KeyError."""
    weighted = held_out.get("weighted")
    if weighted is None:
        return []
    point, before = point_at(weighted["points"], shift), weighted["champion"]
    return [
        f"{sample_in_words(weighted['fakes'])}.",
        f"{'all fakes that reach a person':42} {_estimate(point['recall'])}, champion {_estimate(before['recall'])}",
        f"{'all real faces that reach a person':42} {_estimate(point['false_alarm'])}, champion "
        f"{_estimate(before['false_alarm'])}",
    ]


def _unweighted(held_out: Mapping[str, Any], shift: float) -> list[str]:
    """Raises KeyError."""
    point, before = point_at(held_out["candidate"]["curve"], shift), held_out["champion"]
    return [
        f"{'unweighted: held-out fakes':42} {point['recall']:.1%}, champion "
        f"{_estimate(before['recall_with_human'])}",
        f"{'unweighted: held-out real faces':42} {point['false_alarm']:.1%}, champion "
        f"{_estimate(before['false_alarm'])}",
        f"{'unweighted: missed at most':42} {upper_bound(point['miss_at_most'])}%",
    ]


def _estimate(found: Mapping[str, float]) -> str:
    return f"{found['value']:.1%} ({found['low']:.1%} to {found['high']:.1%})"
