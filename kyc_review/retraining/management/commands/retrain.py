import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from kyc_review.datasets.models import Snapshot
from kyc_review.retraining.api.jobs import run_whole
from kyc_review.retraining.management.command_options import json_option, say
from kyc_review.training.jobs import JobRefused, job_cancel
from kyc_review.training.models import TrainingRun
from kyc_review.training.progress import progress_of
from kyc_review.training.runs import BALANCES, run_request

WATCH_EVERY_S = 1.0


class Command(BaseCommand):
    help = "Train a candidate on a snapshot (the training worker does it), list the runs, or cancel one."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "snapshot", nargs="?", help="a ready snapshot's name; without one, runs are listed"
        )
        json_option(parser)
        parser.add_argument("--epochs", type=int, default=3)
        parser.add_argument("--seed", type=int, default=0)
        parser.add_argument("--miss", type=float, default=0.1, help="share of fakes that thresholds may miss")
        parser.add_argument("--scratch", action="store_true", help="do not start from the champion's weights")
        parser.add_argument(
            "--balance",
            default=BALANCES[0],
            help=f"how labels are balanced: one of {', '.join(BALANCES)}; or one for each voter, with commas",
        )
        parser.add_argument(
            "--no-weights",
            action="store_true",
            help="weight all items equally, whatever their probability of being labelled",
        )
        parser.add_argument(
            "--wait", action="store_true", help="wait until it has ended; exit 1 if it failed"
        )
        parser.add_argument(
            "--cancel", type=int, metavar="RUN", help="the number of a run that has not ended"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            if options["cancel"] is not None:
                self._cancel(options["cancel"], options)
            elif options["snapshot"]:
                self._train(options)
            else:
                self._list(options)
        except JobRefused as refusal:
            raise CommandError(str(refusal)) from refusal

    def _train(self, options: dict[str, Any]) -> None:
        snapshot = Snapshot.objects.filter(name=options["snapshot"]).first()
        if snapshot is None:
            raise CommandError(f"There is no snapshot {options['snapshot']}; see `manage.py snapshot list`.")
        choices = {name: options[name] for name in ("epochs", "seed", "miss", "scratch")}
        run = run_request(
            snapshot=snapshot, balance=options["balance"], weigh=not options["no_weights"], **choices
        )
        if not (options["wait"] and options["json"]):
            waits = f"Run {run.pk} waits for the training worker; `manage.py retrain` shows its progress."
            say(self, options, run_whole(run), waits)
        while options["wait"] and not run.is_ended:
            time.sleep(WATCH_EVERY_S)
            run.refresh_from_db()
        if options["wait"]:
            say(self, options, run_whole(run), _line(run))
            if run.state != TrainingRun.State.SUCCEEDED:
                raise CommandError(f"Run {run.pk} has no candidate.")

    def _cancel(self, number: int, options: dict[str, Any]) -> None:
        run = TrainingRun.objects.filter(pk=number).first()
        if run is None:
            raise CommandError(f"There is no run {number}; `manage.py retrain` lists them.")
        job_cancel(job=run, actor=None)
        run.refresh_from_db()
        say(self, options, run_whole(run), f"Run {number} will stop.")

    def _list(self, options: dict[str, Any]) -> None:
        rows = TrainingRun.objects.select_related("snapshot", "init", "candidate", "created_by").order_by(
            "pk"
        )
        if options["json"]:
            say(self, options, [run_whole(run) for run in rows])
            return
        for run in rows:
            self.stdout.write(_line(run))


def _line(run: TrainingRun) -> str:
    about = run.error or (str(run.candidate) if run.candidate else "")
    if run.state == TrainingRun.State.RUNNING:
        progress = progress_of(run)
        about = f"{progress.percent} %" + (f", {progress.eta_s} s to go" if progress.eta_s else "")
    return f"{run.pk:5} {run.state:10} {run.snapshot.name:32} {about}".rstrip()
