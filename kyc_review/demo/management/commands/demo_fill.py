import time
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from kyc_review.demo import people, table
from kyc_review.demo.client import ApiClient, ApiRefused
from kyc_review.demo.made_samples import made_samples
from kyc_review.submissions.models import State, Submission

SAMPLES = settings.BASE_DIR / "samples"
UNSCORED = (State.RECEIVED, State.SCORING)
KEYS_FILE = "demo.json"
POLL_S = 0.25
SAY_EVERY_S = 2.0
# Since the last verdict; the first one includes loading the models.
PATIENCE_S = 120.0


class Command(BaseCommand):
    help = (
        "Fill a running stack with demo people and sample selfies (manage.py demo does both). Safe to repeat."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--api", default="http://127.0.0.1:8000", help="where the web server listens")

    def handle(self, *args: Any, **options: Any) -> None:
        self.say("creating demo people and the API key")
        file = Path(settings.DATA_DIR) / KEYS_FILE
        keys = people.ensure(file)
        try:
            client = ApiClient(options["api"], keys.api_key)
            posted = self.post(client)
            self.wait(client, posted)
        except ApiRefused as refused:
            raise CommandError(str(refused)) from refused
        self.show_table(posted)
        self.show_logins(keys, file)

    def say(self, text: str) -> None:
        self.stdout.write(f"{'demo':<9} | {text}")
        self.stdout.flush()

    def post(self, client: ApiClient) -> dict[str, str]:
        """File name -> submission id of every sample, made ones last; those of an earlier run are not posted again."""
        portraits = sorted(SAMPLES.glob("*.jpg"))
        with TemporaryDirectory(prefix="kyc-demo-") as folder:
            return self._post_samples(client, [*portraits, *made_samples(portraits, Path(folder))])

    def _post_samples(self, client: ApiClient, samples: list[Path]) -> dict[str, str]:
        known = Submission.objects.filter(integration__slug=people.ONBOARDING, is_test=False)
        posted = {ref: str(pk) for ref, pk in known.values_list("external_ref", "pk")}
        missing = [file for file in samples if reference(file) not in posted]
        self.say(
            f"posting {len(missing)} sample selfies over HTTP"
            if missing
            else f"{len(samples)} sample selfies were posted earlier"
        )
        for file in missing:
            posted[reference(file)] = client.post(
                file, external_ref=reference(file), applicant_ref=f"demo-applicant-{reference(file)[-2:]}"
            )
        return {file.name: posted[reference(file)] for file in samples}

    def wait(self, client: ApiClient, posted: Mapping[str, str]) -> None:
        """Waits until each is scored. Raises CommandError when no more verdicts arrive."""
        waiting = list(posted.values())
        self.say(f"waiting for {len(waiting)} verdicts")
        progress_at = said_at = time.monotonic()
        while left := [one for one in waiting if client.status(one) in UNSCORED]:
            now = time.monotonic()
            if len(left) < len(waiting):
                progress_at = now
            if now - progress_at > PATIENCE_S:
                raise CommandError(
                    f"no verdict for {PATIENCE_S:.0f} s, {len(left)} selfies wait: "
                    f"{settings.DATA_DIR}/logs/scoring.log says why"
                )
            if now - said_at > SAY_EVERY_S:
                self.say(f"{len(posted) - len(left)} of {len(posted)} (the worker loads its models first)")
                said_at = now
            waiting = left
            time.sleep(POLL_S)

    def show_table(self, posted: Mapping[str, str]) -> None:
        found = Submission.objects.select_related("scoring").prefetch_related("scoring__votes", "checks")
        by_id = {str(row.pk): row for row in found.filter(pk__in=posted.values())}
        samples = {Path(name).stem: by_id[pk] for name, pk in posted.items()}
        self.stdout.write("\n" + "\n".join(table.lines_of(samples)))
        self.stdout.write("Numbers are probabilities of fake; * is at or above that member's threshold.")

    def show_logins(self, keys: people.Keys, file: Path) -> None:
        self.stdout.write(f"\nOpen {settings.PUBLIC_URL}/ and log in:\n")
        for person in people.PEOPLE:
            self.stdout.write(
                f"  {person.username:<8} {keys.passwords[person.username]}   {person.role}: {person.may}"
            )
        self.stdout.write(
            "\nAs alice, press C to claim a selfie, 1 for real or 2 for fake, Enter for the next; ? shows all keys."
        )
        self.stdout.write(f"\nAPI key of {people.ONBOARDING}: {keys.api_key}")
        self.stdout.write(f"API key for the sandbox: {keys.test_key}")
        self.stdout.write(f"API reference: {settings.PUBLIC_URL}/docs/api/\n(all kept in {file})\n\n")
        self.stdout.flush()


def reference(file: Path) -> str:
    """`sample-07-edited-nose.jpg` -> `demo-07`: the name that reviewers see must not reveal the answer."""
    return f"demo-{file.stem.split('-')[1]}"
