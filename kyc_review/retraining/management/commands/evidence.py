import shutil
import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from kyc_review.audit.archives import NotSigned
from kyc_review.audit.signing import signing_key_ensure
from kyc_review.core.files import new_file
from kyc_review.core.signed_archive import add_verify_arguments, main
from kyc_review.registry.models import Promotion
from kyc_review.retraining.evidence_pack import promotion_pack


class Command(BaseCommand):
    help = "Evidence of one promotion as an archive, signed with the key of the audit log."

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        pack = verbs.add_parser("pack", help="write the archive of a promotion")
        pack.add_argument(
            "number", type=int, help="of the promotion, as the API and the page of models show it"
        )
        pack.add_argument("--out", required=True, type=Path, metavar="FILE", help="must not exist yet")
        verify = verbs.add_parser(
            "verify", help="check an archive; manage.py answers this itself, without a database"
        )
        add_verify_arguments(verify)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            {"pack": self.pack, "verify": self.verify}[options["verb"]](options)
        except (OSError, NotSigned) as error:
            raise CommandError(str(error)) from error

    def verify(self, options: dict[str, Any]) -> None:
        """Reached by `call_command` only."""
        key = ["--key", str(options["key"])] if options["key"] else []
        sys.exit(main([str(options["file"]), *key]))

    def pack(self, options: dict[str, Any]) -> None:
        row = Promotion.objects.select_related("bundle", "promoted_by").filter(pk=options["number"]).first()
        if row is None:
            raise CommandError(f"There is no promotion {options['number']}; the API lists all (promotions).")
        signing_key_ensure()
        with new_file(options["out"]) as file:
            packed = promotion_pack(promotion=row, actor=None)
            with packed.file:
                shutil.copyfileobj(packed.file, file)
        self.stdout.write(f"{options['out']}: promotion {row.pk}, signed with key {packed.key}")
