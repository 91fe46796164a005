from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from detection.bundle import BundleRefused
from kyc_review.accounts.four_eyes import ApprovalByToken
from kyc_review.retraining.api.serializers.promotion import ProposalOut
from kyc_review.retraining.api.serializers.shared import CheckOut
from kyc_review.retraining.management.command_options import json_option, person_of, say, token_option
from kyc_review.training.models import Comparison, Proposal
from kyc_review.training.proposals import ProposalRefused, proposal_approve, proposal_open, proposal_reject


class Command(BaseCommand):
    help = (
        "Promotion by two admins, each with a personal token: proposal list | show NUMBER | "
        "create COMPARISON --reason WHY | approve NUMBER | reject NUMBER. "
        "`manage.py bundle promote` does without people."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        json_option(verbs.add_parser("list", help="every proposal, newest last"))
        show = verbs.add_parser("show", help="one proposal and its gate")
        create = verbs.add_parser("create", help="propose a compared candidate")
        create.add_argument("comparison", type=int)
        create.add_argument("--reason", required=True, help="auditors read it")
        create.add_argument("--shift", type=float, default=0.0, help="one of the operating points")
        create.add_argument("--override", default="", help="reason for overriding a closed gate")
        decisions = [
            verbs.add_parser(
                "approve", help="promote it; by another admin, where APPROVER_SECOND_FACTOR=false"
            ),
            verbs.add_parser("reject", help="close it without a promotion"),
        ]
        for decision in decisions:
            decision.add_argument("--remark", default="")
        for one in (create, decisions[0]):
            one.add_argument(
                "--erased-acknowledged",
                action="store_true",
                help="you know that it learned from erased faces",
            )
        for one in (show, *decisions):
            one.add_argument("number", type=int)
        for one in (create, *decisions):
            token_option(one)
        for one in (show, create, *decisions):
            json_option(one)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            getattr(self, options["verb"])(options)
        except (ApprovalByToken, ProposalRefused, BundleRefused) as refusal:
            raise CommandError(str(refusal)) from refusal

    def list(self, options: dict[str, Any]) -> None:
        rows = Proposal.objects.select_related("comparison__candidate", "proposed_by", "decided_by")
        rows = rows.order_by("pk")
        if options["json"]:
            say(self, options, ProposalOut(rows, many=True).data)
            return
        for row in rows:
            self.stdout.write(_line(row))

    def show(self, options: dict[str, Any]) -> None:
        row = _found(options)
        shown = CheckOut(row.gate, many=True).data
        checks = [f"  {check['name']}: {check['answer']}. {check['detail']}" for check in shown]
        say(self, options, ProposalOut(row).data, "\n".join([_line(row), *checks]))

    def create(self, options: dict[str, Any]) -> None:
        person = person_of(options)
        comparison = Comparison.objects.filter(pk=options["comparison"]).first()
        if comparison is None:
            raise CommandError(f"There is no comparison {options['comparison']}; see `comparison list`.")
        choices = {name: options[name] for name in ("reason", "shift", "override", "erased_acknowledged")}
        row = proposal_open(comparison=comparison, actor=person, **choices)
        say(self, options, ProposalOut(row).data, _line(row))

    def approve(self, options: dict[str, Any]) -> None:
        wish = {name: options[name] for name in ("remark", "erased_acknowledged")}
        row = proposal_approve(proposal=_found(options), actor=person_of(options), **wish)
        say(
            self,
            options,
            ProposalOut(row).data,
            f"{row.comparison.candidate} is in production from the next batch on.",
        )

    def reject(self, options: dict[str, Any]) -> None:
        row = proposal_reject(proposal=_found(options), actor=person_of(options), remark=options["remark"])
        say(self, options, ProposalOut(row).data, _line(row))


def _found(options: dict[str, Any]) -> Proposal:
    row = Proposal.objects.filter(pk=options["number"]).first()
    if row is None:
        raise CommandError(f"There is no proposal {options['number']}; `proposal list` shows all.")
    return row


def _line(row: Proposal) -> str:
    decided = f", {row.state} by {row.decided_by}" if row.decided_by else ""
    about = f"{row.comparison.candidate} at {row.shift:+g}, proposed by {row.proposed_by}"
    return f"{row.pk:5} {row.state:10} {about}{decided}"
