import getpass
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from kyc_review.accounts import services
from kyc_review.accounts.models import Role, User


class Command(BaseCommand):
    help = "Add a member of staff: staff add NAME --role reviewer|senior|admin|auditor (the password is asked for)."

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="verb", required=True)
        add = actions.add_parser("add")
        add.add_argument("username")
        add.add_argument("--role", choices=Role.values, required=True)
        add.add_argument(
            "--password-stdin", action="store_true", help="read the password from standard input"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        username = options["username"]
        if User.objects.filter(username=username).exists():
            raise CommandError(f"{username} exists already; choose another name.")
        password = input() if options["password_stdin"] else getpass.getpass(f"Password for {username}: ")
        services.roles_ensure()
        try:
            services.staff_create(username=username, password=password, role=options["role"])
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        self.stdout.write(f"{username} may log in as {options['role']}.")
