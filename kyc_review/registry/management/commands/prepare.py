import time
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import OperationalError, connection
from django.db.migrations import Migration
from django.db.migrations.executor import MigrationExecutor
from psycopg.errors import DeadlockDetected, LockNotAvailable

from detection.bundle import BundleRefused
from kyc_review.accounts.second_factor.naming import factors_name
from kyc_review.accounts.services import roles_ensure
from kyc_review.audit.signing import signing_key_ensure
from kyc_review.audit.write_once import privileges_grant
from kyc_review.core.db.locks import one_at_a_time
from kyc_review.core.db.roles import RoleError, as_owner, role_ensure
from kyc_review.core.files import StorageUnavailable
from kyc_review.encryption.key_files import KeyFileRefused, key_file_ensure
from kyc_review.encryption.keys import encryption_ensure, is_on, keys_in_use
from kyc_review.encryption.problems import KeysUnavailable
from kyc_review.encryption.shared_secrets import SecretDiffers, fingerprints, secrets_ensure
from kyc_review.registry.bundles import baseline_install
from kyc_review.registry.secret_evidence import secret_evidence
from kyc_review.submissions.models import Submission
from kyc_review.submissions.storage_identity import WrongStorage, storage_identity_ensure

MIGRATION_LOCK = 0x6B79635F6D6967
LOCK_WAIT, LOCK_PAUSE_S, LOCK_TRIES = "5s", 5, 60


class Command(BaseCommand):
    help = "Bring the database up to date: migrations, roles, the audit log's key, the baseline bundle. Safe to repeat."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--without-bundle", action="store_true", help="do not install the baseline bundle"
        )
        parser.add_argument(
            "--adopt-storage",
            action="store_true",
            help="the originals are those of this database, although their identity differs or is missing",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            self._migrate(options["verbosity"])
        except RoleError as refused:
            raise CommandError(str(refused)) from refused
        roles_ensure()
        signing_key_ensure()
        factors_name()
        try:
            key_file_ensure()
        except KeysUnavailable as unavailable:
            raise CommandError(
                f"The key file KEY_ENCRYPTION_KEY_FILE: {unavailable.strerror}"
            ) from unavailable
        except (KeyFileRefused, OSError) as refused:
            raise CommandError(f"The key file KEY_ENCRYPTION_KEY_FILE: {refused}") from refused
        try:
            storage_identity_ensure(adopt=options["adopt_storage"])
        except WrongStorage as wrong:
            raise CommandError(str(wrong)) from wrong
        except StorageUnavailable as unavailable:
            raise CommandError(f"Originals cannot be stored: {unavailable.strerror}") from unavailable
        self._secrets_ensure()
        # Not while it is being turned on: processes of before, which do not encrypt, still take posts.
        if is_on() and (keys_in_use() or not Submission.objects.exists()):
            encryption_ensure()
        if options["without_bundle"]:
            return
        try:
            baseline_install()
        except BundleRefused as refusal:
            raise CommandError(
                f"No bundle is in production, and the baseline cannot be used: {refusal}"
            ) from refusal

    def _secrets_ensure(self) -> None:
        """What other processes have stored must prove them: this one may have been given secrets of its own, which it
        never needed before."""
        evidence = secret_evidence()
        try:
            secrets_ensure(evidence.opened)
        except SecretDiffers as differs:
            raise CommandError(str(differs)) from differs
        for name in sorted(evidence.closed - fingerprints().keys()):
            self.stderr.write(
                f"{name} of this process does not open the latest session, second factor or endpoint, so "
                "processes cannot compare theirs yet: run manage.py prepare with the secrets of the web processes, "
                "after somebody has logged in"
            )

    def _migrate_in_short_waits(self, verbosity: int) -> None:
        """A migration that waits for a lock makes every later statement on the table wait behind it, so it gives up
        soon and tries again. Each migration is a transaction of its own: what was done stays.

        Those that are none build indexes while the table is in use; they wait for others and no one waits for them.
        """
        executor = MigrationExecutor(connection)
        plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
        if not executor.loader.applied_migrations:  # no one uses the tables yet
            plan = []
        for migration, _ in plan:
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT set_config('lock_timeout', %s, false)", [LOCK_WAIT if migration.atomic else "0"]
                )
            self._migrate_one(migration, verbosity)
        call_command("migrate", interactive=False, verbosity=verbosity)

    def _migrate_one(self, migration: Migration, verbosity: int) -> None:
        for left in reversed(range(LOCK_TRIES)):
            try:
                call_command(
                    "migrate", migration.app_label, migration.name, interactive=False, verbosity=verbosity
                )
            except OperationalError as error:
                # A deadlock is a wait, too: Postgres took this side of it back.
                if not isinstance(error.__cause__, LockNotAvailable | DeadlockDetected) or not left:
                    raise
                self.stderr.write(f"{migration}: a table is in use; trying again in {LOCK_PAUSE_S} s")
                time.sleep(LOCK_PAUSE_S)
            else:
                return

    def _migrate(self, verbosity: int) -> None:
        """Migrate as the owner of the tables, then grant the application's role its rights."""
        role, password = connection.settings_dict["USER"], connection.settings_dict["PASSWORD"]
        with as_owner():
            if settings.DATABASE_OWNER_URL:
                if connection.settings_dict["USER"] == role:
                    raise CommandError("DATABASE_OWNER_URL and DATABASE_URL must name two different roles.")
                role_ensure(role, password)
            with one_at_a_time(MIGRATION_LOCK):  # two hosts that start together
                self._migrate_in_short_waits(verbosity)
            if settings.DATABASE_OWNER_URL:
                privileges_grant(role)
