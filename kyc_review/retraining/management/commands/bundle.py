import json
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from detection.bundle import BundleRefused
from kyc_review.datasets.erasure_marks import bundle_marks_unchecked
from kyc_review.registry import bundle_files, bundles, shadows
from kyc_review.registry.models import Bundle, Promotion
from kyc_review.registry.selectors import champion
from kyc_review.registry.states import bundle_states_unchecked
from kyc_review.retraining.api.serializers.bundles import BundleOut
from kyc_review.retraining.management.command_options import bundle_named, json_option, say

REASON_LEAST = 10  # characters
REASON_HELP = f"at least {REASON_LEAST} characters; auditors read it"


class Command(BaseCommand):
    help = (
        "The bundles of models: list, add PATH, promote PATH|DIGEST|VERSION, rollback, show [DIGEST|VERSION], "
        "shadow DIGEST|VERSION, shadow --end."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        json_option(verbs.add_parser("list", help="every bundle; * is in production"))
        add = verbs.add_parser("add", help="verify and register a bundle without promoting it")
        add.add_argument("path", type=Path)
        promote = verbs.add_parser(
            "promote", help="promote a bundle; workers use it from their next batch on"
        )
        promote.add_argument(
            "bundle", help="a bundle's folder, its version, or 8 or more digits of its digest"
        )
        promote.add_argument("--reason", required=True, help=REASON_HELP)
        rollback = verbs.add_parser("rollback", help="return to the previous bundle")
        rollback.add_argument("--reason", required=True, help=REASON_HELP)
        show = verbs.add_parser("show", help="one bundle with its metrics; the champion when none is named")
        show.add_argument("bundle", nargs="?")
        json_option(show)
        shadow = verbs.add_parser("shadow", help="start or end shadow mode for a bundle")
        shadow.add_argument("bundle", nargs="?")
        shadow.add_argument("--end", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            getattr(self, options["verb"])(options)
        except (BundleRefused, bundles.PromotionRefused, shadows.ShadowRefused) as error:
            raise CommandError(str(error)) from error
        except BrokenPipeError:  # manage.py's to answer
            raise
        except OSError as error:
            raise CommandError(f"{error.filename or 'The disk'}: {error.strerror}.") from error

    def list(self, options: dict[str, Any]) -> None:
        serving = champion()
        rows = list(Bundle.objects.order_by("pk"))
        erased = bundle_marks_unchecked(rows)
        if options["json"]:
            context = {"states": bundle_states_unchecked(), "marks": erased}
            say(self, options, BundleOut(rows, many=True, context=context).data)
            return
        for row in rows:
            holds = f"  holds {erased[row.pk].number} erased" if row.pk in erased else ""
            mark = "*" if serving and row.pk == serving.pk else " "
            self.stdout.write(
                f"{mark} {row.digest[:12]}  {row.version:<30}  {row.source:<8}  {row.registered_at:%Y-%m-%d %H:%M}"
                f"{holds}"
            )

    def add(self, options: dict[str, Any]) -> None:
        row = bundles.bundle_register(path=options["path"], source=Bundle.Source.IMPORTED)
        self.stdout.write(f"{row} is registered; `manage.py bundle promote {row.digest[:12]}` promotes it.")

    def promote(self, options: dict[str, Any]) -> None:
        reason = _reason(options)
        path = Path(options["bundle"])
        if path.is_dir():  # only a training run of this installation makes what is "trained here"
            row = bundles.bundle_register(path=path, source=Bundle.Source.IMPORTED)
        else:
            row = bundle_named(options["bundle"])
        self._say(bundles.bundle_promote(bundle=row, actor=None, reason=reason))

    def rollback(self, options: dict[str, Any]) -> None:
        self._say(bundles.bundle_rollback(actor=None, reason=_reason(options)))

    def show(self, options: dict[str, Any]) -> None:
        row = bundle_named(options["bundle"]) if options["bundle"] else champion()
        if row is None:
            raise CommandError("No bundle is in production yet; run `manage.py prepare`.")
        if options["json"]:
            context = {"states": bundle_states_unchecked(), "marks": bundle_marks_unchecked([row])}
            told = {
                "metrics": row.metrics,
                "provenance": row.provenance,
                "folder": bundle_files.place_of(row),
            }
            say(self, options, dict(BundleOut(row, context=context).data) | told)
            return
        self.stdout.write(f"version     {row.version}\ndigest      {row.digest}\nsource      {row.source}")
        self.stdout.write(
            f"registered  {row.registered_at:%Y-%m-%d %H:%M %Z}\nfolder      {bundle_files.place_of(row)}"
        )
        if (erased := bundle_marks_unchecked([row]).get(row.pk)) is not None:
            self.stdout.write(
                f"erased      {erased.number} of its faces, since {erased.since:%Y-%m-%d}; retrain"
            )
        for step in row.promotions.select_related("promoted_by").order_by("pk"):
            by = step.promoted_by or "system"
            self.stdout.write(
                f"{step.kind:<10}  {step.promoted_at:%Y-%m-%d %H:%M} by {by} {step.reason}".rstrip()
            )
        self.stdout.write(json.dumps({"metrics": row.metrics, "provenance": row.provenance}, indent=2))

    def shadow(self, options: dict[str, Any]) -> None:
        running = shadows.shadow_now()
        if options["end"]:
            if running is None:
                raise CommandError("No bundle is in shadow mode.")
            shadows.shadow_end(shadow=running, actor=None, remark="Ended on the command line.")
            self.stdout.write(f"{running.bundle} is no longer in shadow mode.")
        elif options["bundle"]:
            made = shadows.shadow_start(bundle=bundle_named(options["bundle"]), actor=None)
            self.stdout.write(f"{made.bundle} scores new submissions without effect.")
        else:
            self.stdout.write(str(running) if running else "No bundle is in shadow mode.")

    def _say(self, step: Promotion) -> None:
        self.stdout.write(f"{step.bundle} is in production from the next batch on.")


def _reason(options: dict[str, Any]) -> str:
    """Raises CommandError when it is missing, or when the bank has switched this way off."""
    if not settings.COMMAND_LINE_PROMOTION:
        raise CommandError(
            "Promotion on the command line is switched off (COMMAND_LINE_PROMOTION). Propose and approve it on "
            "Retraining, or with `manage.py proposal`; an admin rolls back there."
        )
    reason = str(options["reason"]).strip()
    if len(reason) < REASON_LEAST:
        raise CommandError(f"State the reason in at least {REASON_LEAST} characters; auditors read it.")
    return reason
