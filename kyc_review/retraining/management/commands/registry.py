from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from detection.bundle import BundleRefused
from kyc_review.registry.mlflow_exchange.client import MlflowRefused
from kyc_review.registry.mlflow_exchange.exporting import EXPERIMENT, mlflow_export
from kyc_review.registry.mlflow_exchange.importing import mlflow_import
from kyc_review.retraining.management.command_options import bundle_named

URI_HELP = "of the MLflow server; user and password, or a token, come from MLFLOW_TRACKING_USERNAME and so on"


class Command(BaseCommand):
    help = "Bundles to and from a registry of MLflow: mlflow-export BUNDLE, mlflow-import NAME."

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        out = verbs.add_parser(
            "mlflow-export", help="put a bundle into MLflow, or bring its aliases up to date"
        )
        out.add_argument("bundle", help="its version, or 8 or more digits of its digest")
        out.add_argument("--uri", required=True, help=URI_HELP)
        out.add_argument("--name", default=EXPERIMENT, help="of the registered model (default: %(default)s)")
        into = verbs.add_parser("mlflow-import", help="register a bundle from MLflow as imported")
        into.add_argument("name", help="of the registered model")
        into.add_argument("--uri", required=True, help=URI_HELP)
        which = into.add_mutually_exclusive_group(required=True)
        which.add_argument("--version")
        which.add_argument("--alias")
        into.add_argument(
            "--digest",
            default="",
            help="that it must have, all 64 digits; required without a tag that states it",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            self._export(options) if options["verb"] == "mlflow-export" else self._import(options)
        except (BundleRefused, MlflowRefused) as error:
            raise CommandError(str(error)) from error
        except BrokenPipeError:  # manage.py's to answer
            raise
        except OSError as error:
            raise CommandError(f"{error.filename or 'The disk'}: {error.strerror}.") from error

    def _export(self, options: dict[str, Any]) -> None:
        row = bundle_named(options["bundle"])
        done = mlflow_export(bundle=row, uri=options["uri"], name=options["name"])
        did = "was exported as" if done.is_new else "is there already as"
        alias = f", alias {done.alias}" if done.alias else ""
        self.stdout.write(f"{row} {did} version {done.version} of {done.name}{alias}.")

    def _import(self, options: dict[str, Any]) -> None:
        row = mlflow_import(
            uri=options["uri"],
            name=options["name"],
            version=options["version"] or "",
            alias=options["alias"] or "",
            digest=options["digest"],
        )
        self.stdout.write(f"{row} is registered as {row.source}; it is not in production by that.")
