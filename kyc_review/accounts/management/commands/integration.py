from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from kyc_review.accounts import services
from kyc_review.accounts.models import ApiKey, Integration


class Command(BaseCommand):
    help = "Onboarding systems and their API keys: integration add SLUG | key SLUG | revoke PREFIX | list."

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="verb", required=True)
        add = actions.add_parser("add", help="create an integration and print its first key, once")
        add.add_argument("slug")
        add.add_argument("--name", default="")
        actions.add_parser("key", help="print a further key, for rotation").add_argument("slug")
        actions.add_parser("revoke", help="end a key at once").add_argument("prefix")
        actions.add_parser("list")

    def handle(self, *args: Any, **options: Any) -> None:
        getattr(self, options["verb"])(options)

    def add(self, options: dict[str, Any]) -> None:
        slug = options["slug"]
        if Integration.objects.filter(slug=slug).exists():
            raise CommandError(f"{slug} exists already; `integration key {slug}` makes a further key.")
        integration = services.integration_create(slug=slug, name=options["name"] or slug)
        self.print_key(integration)

    def key(self, options: dict[str, Any]) -> None:
        integration = Integration.objects.filter(slug=options["slug"]).first()
        if integration is None:
            raise CommandError(f"There is no integration {options['slug']}; `integration list` shows all.")
        self.print_key(integration)

    def revoke(self, options: dict[str, Any]) -> None:
        key = ApiKey.objects.filter(prefix=options["prefix"]).first()
        if key is None:
            raise CommandError(f"There is no key with the prefix {options['prefix']}.")
        services.key_revoke(key=key)
        self.stdout.write(f"{key.prefix} is revoked.")

    def list(self, options: dict[str, Any]) -> None:
        for key in ApiKey.objects.select_related("integration").order_by("integration__slug", "created_at"):
            state = "valid" if key.is_valid else "not valid"
            self.stdout.write(f"{key.integration.slug:20} {key.prefix} {key.created_at:%Y-%m-%d} {state}")

    def print_key(self, integration: Integration) -> None:
        _, key = services.key_create(integration=integration)
        self.stderr.write("Keep this key now; it cannot be shown again.")
        self.stdout.write(key)
