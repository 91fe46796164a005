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
from kyc_review.accounts.people.services import (
    PeopleRefused,
    password_reissue,
    person_activate,
    person_deactivate,
    person_rename,
    role_change,
)
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
    "activate": lambda user: person_activate(person=user, actor=None),
    "deactivate": lambda user: _deactivate(user),
}
PRINTED: dict[str, Callable[[User], str]] = {
    "break-glass": lambda user: break_glass_link(user=user),
    "new-password": lambda user: password_reissue(person=user, actor=None),
}


def _deactivate(user: User) -> bool:
    person_deactivate(person=user, actor=None)
    return user.is_active  # as it was read


class Command(BaseCommand):
    help = (
        "Add a member of staff: staff add NAME --role reviewer|senior|admin|auditor (the password is asked for). "
        "staff rename NAME NEW; staff unlock NAME ends a lock; staff reset-second-factor NAME is for a lost phone; "
        "staff end-tokens NAME ends all personal tokens. Where no second admin can be reached: staff role NAME ROLE, "
        "staff activate|deactivate NAME, staff new-password NAME, which prints one. staff break-glass NAME prints a "
        "link that lets the person in once. staff connect NAME SUBJECT lets them log in as that subject of "
        "OIDC_ISSUER; staff disconnect NAME ends it."
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
        role = actions.add_parser("role")
        role.add_argument("username")
        role.add_argument("role", choices=Role.values)
        rename = actions.add_parser("rename")
        rename.add_argument("username")
        rename.add_argument("new_name")
        for verb in DONE_TO | PRINTED:
            actions.add_parser(verb).add_argument("username")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["verb"] == "add":
            self.add(options)
            return
        user = User.objects.filter(username=options["username"]).first()
        if user is None:
            raise CommandError(f"There is no {options['username']}.")
        try:
            self.stdout.write(self.act(options["verb"], user, options))
        except (LoginRefused, PeopleRefused) as refused:
            raise CommandError(refused.detail) from refused
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error

    def act(self, verb: str, user: User, options: dict[str, Any]) -> str:
        """What to print. Raises LoginRefused, PeopleRefused, ValidationError."""
        if verb == "connect":
            return self.connect(user, options["subject"])
        if verb in PRINTED:
            return PRINTED[verb](user)
        if verb == "role":
            done: int = role_change(person=user, role=options["role"], actor=None)
        elif verb == "rename":
            done = person_rename(person=user, username=options["new_name"])
        else:
            done = DONE_TO[verb](user)
        return "Done." if done else "Nothing to do."

    def connect(self, user: User, subject: str) -> str:
        if not settings.OIDC_ISSUER:
            raise CommandError("Set OIDC_ISSUER first: the subject is one of that provider.")
        identity_connect(user=user, subject=subject, actor=None)
        return f"{user} logs in as {subject} at {settings.OIDC_ISSUER}."

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
