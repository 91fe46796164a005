from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from kyc_review.accounts import services
from kyc_review.accounts.models import ApiKey, Integration, Scope


class Command(BaseCommand):
    help = (
        "Onboarding systems and their API keys: "
        "integration add SLUG | key SLUG | rotate PREFIX | revoke PREFIX | list."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="verb", required=True)
        add = actions.add_parser(
            "add", help="create an integration and print its first key (shown only once)"
        )
        add.add_argument("slug")
        add.add_argument("--name", default="")
        key = actions.add_parser("key", help="print a further key")
        key.add_argument("slug")
        key.add_argument("--test", action="store_true", help="for the sandbox")
        key.add_argument(
            "--scope",
            action="append",
            choices=Scope.values,
            help="repeatable; default: all but submissions:erase and submissions:pictures",
        )
        key.add_argument("--expires-days", type=int, help="without: never")
        key.add_argument(
            "--network", action="append", default=[], help="network from which it may be used; repeatable"
        )
        key.add_argument("--rate", type=int, help="requests a minute (default: API_RATE_PER_MINUTE)")
        key.add_argument("--label", default="", help="purpose")
        rotate = actions.add_parser("rotate", help="print a key's successor; the old one expires later")
        rotate.add_argument("prefix")
        rotate.add_argument(
            "--overlap-hours", type=float, default=24, help="how long both work (default: 24)"
        )
        actions.add_parser("revoke", help="revoke a key immediately").add_argument("prefix")
        actions.add_parser("list")

    def handle(self, *args: Any, **options: Any) -> None:
        getattr(self, options["verb"])(options)

    def add(self, options: dict[str, Any]) -> None:
        slug = options["slug"]
        if Integration.objects.filter(slug=slug).exists():
            raise CommandError(f"{slug} exists already; `integration key {slug}` makes a further key.")
        integration = services.integration_create(slug=slug, name=options["name"] or slug)
        self.print_key(services.key_create(integration=integration)[1])

    def key(self, options: dict[str, Any]) -> None:
        integration = Integration.objects.filter(slug=options["slug"]).first()
        if integration is None:
            raise CommandError(f"There is no integration {options['slug']}; `integration list` shows all.")
        days = options["expires_days"]
        try:
            _, key = services.key_create(
                integration=integration,
                is_test=options["test"],
                scopes=options["scope"],
                networks=options["network"],
                rate_per_minute=options["rate"],
                label=options["label"],
                expires_at=timezone.now() + timedelta(days=days) if days else None,
            )
        except ValueError as error:
            raise CommandError(str(error)) from error
        self.print_key(key)

    def rotate(self, options: dict[str, Any]) -> None:
        overlap = timedelta(hours=options["overlap_hours"])
        try:
            _, key = services.key_rotate(key=self.key_of(options["prefix"]), overlap=overlap)
        except ValueError as error:
            raise CommandError(str(error)) from error
        self.print_key(key)

    def key_of(self, prefix: str) -> ApiKey:
        key = ApiKey.objects.select_related("integration").filter(prefix=prefix).first()
        if key is None:
            raise CommandError(f"There is no key with the prefix {prefix}; `integration list` shows all.")
        return key

    def revoke(self, options: dict[str, Any]) -> None:
        key = self.key_of(options["prefix"])
        services.key_revoke(key=key)
        self.stdout.write(f"{key.prefix} is revoked.")

    def list(self, options: dict[str, Any]) -> None:
        for key in ApiKey.objects.select_related("integration").order_by("integration__slug", "created_at"):
            state = "valid" if key.is_valid else "not valid"
            used = f"used {key.last_used_at:%Y-%m-%d %H:%M}" if key.last_used_at else "never used"
            self.stdout.write(
                f"{key.integration.slug:20} {key.prefix} {key.created_at:%Y-%m-%d} {state:9} {used:21} "
                f"{' '.join(key.scopes)} {key.label}".rstrip()
            )

    def print_key(self, key: str) -> None:
        self.stderr.write("Store this key now; it cannot be shown again.")
        self.stdout.write(key)
