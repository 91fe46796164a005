from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from kyc_review.datasets.selectors import unused_counted_unchecked
from kyc_review.retraining.api.serializers.promotion import SignalsOut
from kyc_review.retraining.management.command_options import json_option, say
from kyc_review.training.signals import Signal, retraining_signals_unchecked

CALLS = {True: "yes", False: "no", None: "too few data"}


class Command(BaseCommand):
    help = "Shows the signals that suggest training a new candidate. Starts nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        json_option(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        unused = unused_counted_unchecked()
        watched = retraining_signals_unchecked(unused)
        body = {
            "calls": any(signal.calls for signal in watched),
            "signals": watched,
            "unused_decisions": unused.number,
            "every_days": settings.RETRAIN_EVERY_DAYS,
        }
        say(self, options, SignalsOut(body).data, "\n".join(map(_line, watched)))


def _line(signal: Signal) -> str:
    return f"{signal.name:14} {CALLS[signal.calls]:17} {signal.detail}"
