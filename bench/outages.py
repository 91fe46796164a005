"""Kill -9 web, scoring worker, Valkey (data wiped) and Postgres at random while posts are retried.

Invariant: every 202 is found again, no reference has two submissions, and each submission's original is on
disk.
"""

import asyncio
import random
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass

from bench.background import Load
from bench.load import Answer, Connection, Heard, Target
from bench.product import Product
from bench.report import line

KILLED = ("web", "scoring", "valkey", "postgres")
AT_ONCE = 8
RETRY_S = 0.25
AT_ONCE_SHARE = 0.25
POST_TIMEOUT_S = 180
# Otherwise a fast machine would answer every post before the second kill.
SECONDS_A_KILL = 2.5


@dataclass(frozen=True)
class Outcome:
    posted: int
    accepted: int
    kills: int
    missing: int
    doubled: int
    without_original: int

    @property
    def is_kept(self) -> bool:
        return self.accepted == self.posted and self.missing == self.doubled == self.without_original == 0


async def insisting(
    target: Target, images: list[bytes], *, posts: int, lasting_s: float, heard: Heard
) -> None:
    """Post each image until it is accepted, always under the same Idempotency-Key, as an integrator does; all
    together take at least `lasting_s`."""
    numbers = iter(range(posts))

    async def poster() -> None:
        connection = Connection(target)
        for number in numbers:
            deadline = time.monotonic() + POST_TIMEOUT_S
            answer = await connection.post(f"outage-{number}", images[number % len(images)])
            while answer.status != target.accepted and time.monotonic() < deadline:
                await asyncio.sleep(RETRY_S)
                answer = await connection.post(f"outage-{number}", images[number % len(images)])
            heard(answer)
            await asyncio.sleep(lasting_s * AT_ONCE / posts)
        connection.close()

    await asyncio.gather(*(poster() for _ in range(AT_ONCE)))


def run(
    running: Product, images: list[bytes], *, posts: int, kills: int, seed: int, say: Callable[[str], None]
) -> Outcome:
    """Each of the four is killed in turn in a random order, at random moments over all the posts; some kills
    follow the previous one immediately, during its restart."""
    chance, done, due = random.Random(seed), 0, 0.0
    lasting_s = SECONDS_A_KILL * (kills + 1)
    load: Load[Answer] = Load(
        lambda heard: insisting(running.target, images, posts=posts, lasting_s=lasting_s, heard=heard)
    )
    order: list[str] = []
    while not load.is_done:
        if done < kills and len(load.answers) >= due:
            order = order or chance.sample(KILLED, len(KILLED))
            if _kill(running, order[0]):
                done += 1
                due = (
                    due if chance.random() < AT_ONCE_SHARE else (done + chance.random()) * posts / (kills + 1)
                )
                say(f"  kill {done} of {kills}: {order[0]}; {len(load.answers)} answered")
                order.pop(0)
        until = time.monotonic() + chance.uniform(0.5, 2.5)
        while time.monotonic() < until:
            running.runner.watch()
            time.sleep(0.05)
    running.wait(lambda: _answers(running), timeout_s=60, what="Postgres")
    return _counted(running, load, posts, done)


def _kill(running: Product, name: str) -> bool:
    process = running.process(name)
    if process is None:
        return False
    family = [process, *process.children(recursive=True)]
    for one in family if name != "postgres" else family[:1]:
        one.kill()
    if name == "valkey":
        for entry in running.paths.valkey.iterdir():
            if entry.is_dir():  # its append-only files; the configuration stays
                shutil.rmtree(entry, ignore_errors=True)
    return True


def _answers(running: Product) -> bool:
    try:
        return bool(running.rows("SELECT 1"))
    except Exception:  # it is starting
        return False


def _counted(running: Product, load: Load, posts: int, kills: int) -> Outcome:
    heard = [answer for answer in load.answers if answer.status == running.target.accepted]
    ids = [answer.body.split(b'"id":"', 1)[1][:36].decode() for answer in heard]
    rows = running.rows("SELECT id::text, external_ref, image_key FROM submissions_submission")
    stored = {row[0] for row in rows}
    originals = running.paths.root / "originals"
    return Outcome(
        posted=posts,
        accepted=len(heard),
        kills=kills,
        missing=sum(one not in stored for one in ids),
        doubled=len(rows) - len({row[1] for row in rows}),
        without_original=sum(not (originals / row[2]).is_file() for row in rows),
    )


def report(outcome: Outcome) -> bool:
    line("posted, kills -9", f"{outcome.posted}, {outcome.kills}")
    line(
        "accepted in the end",
        str(outcome.accepted),
        reached=outcome.accepted == outcome.posted,
        target=str(outcome.posted),
    )
    line("accepted and not found", str(outcome.missing), reached=outcome.missing == 0, target="0")
    line("stored twice", str(outcome.doubled), reached=outcome.doubled == 0, target="0")
    lost = outcome.without_original
    line("without their original", str(lost), reached=lost == 0, target="0")
    return outcome.is_kept
