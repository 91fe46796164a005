"""What the product does while it is broken: posts that insist, reviewers, a receiver of webhooks, a training.

Everything keeps what it was told, for `invariants` to compare.
"""

import asyncio
import hashlib
import http.client
import json
import random
import secrets
import subprocess
import sys
import threading
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import psycopg
from standardwebhooks import Webhook, WebhookVerificationError

from bench.load import Connection, Target
from bench.loop_people import ITEM, Person
from bench.product import Product
from devstack.paths import REPOSITORY

AT_ONCE = 6
RETRY_S = 0.25
IDLE_S = 0.5
# A broken page or connection; a person tries again.
FAILS = (RuntimeError, OSError, http.client.HTTPException, psycopg.Error)
REFUSED_SHARE = 0.05


ERRS_SHARE = 0.1  # of answers: two people sometimes disagree, and a third one decides
PICTURE = """SELECT s.sha256 FROM review_reviewitem i JOIN submissions_submission s ON s.id = i.submission_id
    WHERE i.id = %s"""


@dataclass
class Told:
    """What clients, people and receivers were told."""

    digests: dict[str, str] = field(default_factory=dict)  # reference -> SHA-256 of the posted picture
    accepted: dict[str, str] = field(default_factory=dict)  # reference -> id, of answers 202
    statuses: Counter[int] = field(default_factory=Counter)  # 0: no answer
    pages: Counter[int] = field(default_factory=Counter)  # errors that reviewers saw; 0: no answer
    asked: dict[int, set[str]] = field(default_factory=lambda: defaultdict(set))  # item -> labels sent
    decided: dict[int, str] = field(default_factory=dict)  # item -> label, of answers without an error
    events: dict[str, set[str]] = field(
        default_factory=lambda: defaultdict(set)
    )  # webhook-id -> bodies, taken
    unsigned: int = 0


async def post_all(
    targets: list[Target], images: list[bytes], told: Told, *, seconds: float, per_s: float
) -> None:
    """Post for this long, each picture until it is accepted, under one Idempotency-Key, as an integrator does.

    Called again, it goes on with the numbers of the pictures.
    """
    ends, numbers, dice = time.monotonic() + seconds, count(len(told.digests)), random.Random(0)

    async def poster() -> None:
        connections = [Connection(target) for target in targets]
        while time.monotonic() < ends:
            number = next(numbers)
            reference, image = f"chaos-{number}", images[number % len(images)]
            told.digests[reference] = hashlib.sha256(image).hexdigest()
            while reference not in told.accepted:
                answer = await dice.choice(connections).post(reference, image)
                told.statuses[answer.status] += 1
                if answer.status == targets[0].accepted:
                    told.accepted[reference] = json.loads(answer.body)["id"]
                else:
                    await asyncio.sleep(RETRY_S)
            await asyncio.sleep(AT_ONCE / per_s)
        for connection in connections:
            connection.close()

    await asyncio.gather(*(poster() for _ in range(AT_ONCE)))


def staff(running: Product, names: list[str]) -> list[Person]:
    """Reviewers, logged in."""
    made = []
    for name in names:
        password = secrets.token_urlsafe(12)
        command = ["staff", "add", name, "--role", "reviewer", "--password-stdin"]
        manage(running, *command, text=password + "\n").check_returncode()
        made.append(Person(running.address, name, password))
    return made


def review(running: Product, person: Person, told: Told, stop: threading.Event, seed: int) -> None:
    """Claim, make the first call, decide, until told to stop."""
    dice = random.Random(seed)
    while not stop.wait(0.05):
        try:
            landed, _ = person.post("/review/items/next/")
            if not (found := ITEM.search(landed)):
                stop.wait(IDLE_S)
                continue
            item = int(found[1])
            label = answer(running.rows(PICTURE, item)[0][0], dice)
            person.get(f"/review/items/{item}/")
            person.post(f"/review/items/{item}/first-call/", label=label, shown_item=str(item))
            told.asked[item].add(label)
            person.post(f"/review/items/{item}/decision/", label=label, shown_item=str(item))
            told.decided[item] = label
        except FAILS as error:
            told.pages[error.__cause__.code if isinstance(error.__cause__, HTTPError) else 0] += 1
            stop.wait(RETRY_S)


def answer(sha256: str, dice: random.Random) -> str:
    """Half of the pictures pass for fake. All people agree which, but for errors: where two must say the same, answers
    at random would leave most pictures without an outcome, and so without an applicant to learn from."""
    is_fake = int(sha256, 16) % 2 == 1
    return "fake" if is_fake != (dice.random() < ERRS_SHARE) else "real"


class Receiver:
    """Takes webhooks, verifies their signature, and refuses some with 503."""

    def __init__(self, told: Told) -> None:
        self.secret = ""
        receiver, dice, lock = self, random.Random(0), threading.Lock()

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                with lock:
                    refused = dice.random() < REFUSED_SHARE
                    if not refused:
                        receiver._take(body, dict(self.headers), told)
                self.send_response(503 if refused else 204)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, name="receiver", daemon=True).start()

    def _take(self, body: bytes, headers: dict[str, str], told: Told) -> None:
        try:
            Webhook(self.secret).verify(body, {name.lower(): text for name, text in headers.items()})
        except WebhookVerificationError:
            told.unsigned += 1
        told.events[headers["webhook-id"]].add(hashlib.sha256(body).hexdigest())

    def register(self, target: Target) -> None:
        """As an endpoint of all kinds of events."""
        body = json.dumps({"url": f"http://127.0.0.1:{self._server.server_port}/"}).encode()
        headers = {
            "Authorization": f"Bearer {target.key}",
            "Content-Type": "application/json",
            "Idempotency-Key": "chaos",
        }
        address = f"http://127.0.0.1:{target.port}/api/v1/webhook-endpoints"
        with urlopen(Request(address, body, headers), timeout=30) as answer:
            self.secret = json.load(answer)["secret"]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def manage(running: Product, *command: str, text: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(REPOSITORY / "manage.py"), *command],
        env=running.environment,
        cwd=REPOSITORY,
        input=text,
        capture_output=True,
        text=True,
    )
