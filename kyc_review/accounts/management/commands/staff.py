import getpass
import sys
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from kyc_review.accounts import services
from kyc_review.accounts.break_glass import break_glass_link
from kyc_review.accounts.models import User
from kyc_review.accounts.second_factor.services import second_factor_reset
from kyc_review.accounts.single_sign_on.client import LoginRefused
from kyc_review.accounts.single_sign_on.services import identity_connect, identity_disconnect
from kyc_review.accounts.tokens.services import tokens_revoke_all
from kyc_review.core.permissions import Role

DONE_TO: dict[str, Callable[[User], bool | int]] = {
    "unlock": lambda user: services.staff_unlock(user=user),
    "reset-second-factor": lambda user: second_factor_reset(user=user),
    "end-tokens": lambda user: tokens_revoke_all(owner=user),
    "disconnect": lambda user: identity_disconnect(user=user),
}


class Command(BaseCommand):
    help = (
        "Add a member of staff: staff add NAME --role reviewer|senior|admin|auditor (the password is asked for). "
        "staff unlock NAME ends a lock; staff reset-second-factor NAME is for a lost phone; "
        "staff end-tokens NAME ends all personal tokens. staff break-glass NAME prints a link that lets the person in "
        "once. staff connect NAME SUBJECT lets them log in as that subject of OIDC_ISSUER; staff disconnect NAME ends "
        "it."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="verb", required=True)
        add = actions.add_parser("add")
        add.add_argument("username")
        add.add_argument("--role", choices=Role.values, required=True)
        add.add_argument(
            "--password-stdin", action="store_true", help="read the password from standard input"
        )
        connect = actions.add_parser("connect")
        connect.add_argument("username")
        connect.add_argument("subject", help="the claim sub, which never changes; not the user name")
        actions.add_parser("break-glass").add_argument("username")
        for verb in DONE_TO:
            actions.add_parser(verb).add_argument("username")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["verb"] == "add":
            self.add(options)
            return
        user = User.objects.filter(username=options["username"]).first()
        if user is None:
            raise CommandError(f"There is no {options['username']}.")
        if options["verb"] == "break-glass":
            self.stdout.write(break_glass_link(user=user))
            return
        if options["verb"] == "connect":
            self.connect(user, options["subject"])
            return
        done = DONE_TO[options["verb"]](user)
        self.stdout.write("Done." if done else "Nothing to do.")

    def connect(self, user: User, subject: str) -> None:
        if not settings.OIDC_ISSUER:
            raise CommandError("Set OIDC_ISSUER first: the subject is one of that provider.")
        try:
            identity_connect(user=user, subject=subject, actor=None)
        except LoginRefused as refused:
            raise CommandError(refused.detail) from refused
        self.stdout.write(f"{user} logs in as {subject} at {settings.OIDC_ISSUER}.")

    def asked(self, username: str) -> str:
        if not sys.stdin.isatty():
            raise CommandError(
                "There is no terminal to ask for the password: pipe it in with --password-stdin."
            )
        return getpass.getpass(f"Password for {username}: ")

    def add(self, options: dict[str, Any]) -> None:
        username = options["username"]
        if User.objects.filter(username=username).exists():
            raise CommandError(f"{username} exists already; choose another name.")
        password = input() if options["password_stdin"] else self.asked(username)
        services.roles_ensure()
        try:
            services.staff_create(username=username, password=password, role=options["role"])
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        self.stdout.write(f"{username} may log in as {options['role']}.")
