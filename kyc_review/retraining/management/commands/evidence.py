from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from kyc_review.audit import services as audit
from kyc_review.core import signed_archive
from kyc_review.registry.models import Promotion
from kyc_review.retraining.evidence_pack import evidence_parts


class Command(BaseCommand):
    help = (
        "Evidence of one promotion as a signed archive: evidence pack NUMBER --out FILE | "
        "key, the public key to hand to auditors | verify FILE [--key public.pem], by manage.py without a database."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        pack = verbs.add_parser("pack", help="write the archive of a promotion")
        pack.add_argument(
            "number", type=int, help="of the promotion, as the API and the page of models show it"
        )
        pack.add_argument("--out", required=True, type=Path, metavar="FILE", help="must not exist yet")
        verbs.add_parser("key", help="print the public key, made at the first use")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            getattr(self, options["verb"])(options)
        except (OSError, ValueError) as error:
            raise CommandError(str(error)) from error

    def pack(self, options: dict[str, Any]) -> None:
        row = Promotion.objects.select_related("bundle", "promoted_by").filter(pk=options["number"]).first()
        if row is None:
            raise CommandError(f"There is no promotion {options['number']}; the API lists all (promotions).")
        key = signed_archive.signing_key(settings.EVIDENCE_SIGNING_KEY)
        with options["out"].open("xb") as file:
            signed_archive.archive_write(file, evidence_parts(row), key)
        mark = signed_archive.fingerprint(key.public_key())
        audit.record(action="promotion.evidence_packed", target=row, detail={"key": mark})
        self.stdout.write(f"{options['out']}: promotion {row.pk}, signed with key {mark}")

    def key(self, options: dict[str, Any]) -> None:
        public = signed_archive.signing_key(settings.EVIDENCE_SIGNING_KEY).public_key()
        self.stdout.write(signed_archive.public_pem(public).decode())
