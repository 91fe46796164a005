"""Kill -9 the scoring worker at random moments during intake, then count the rows in the database.

Invariant: every accepted submission reaches exactly one verdict; none has two, none is lost.
"""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass

from bench.background import Load
from bench.load import Answer, concurrent
from bench.product import Product
from bench.report import line

AT_ONCE = 16
SAY_EVERY_S = 5.0
# Most kills come after the worker has begun to score, the others while it loads; then it lives at most this
# long.
AT_WORK_SHARE = 0.8
LIFE_PER_SUBMISSION_S = 0.002
LONGEST_LIFE_S = 6.0
AT_WORK_TIMEOUT_S = 60


@dataclass(frozen=True)
class Outcome:
    """Counts of submissions in the database, among those that were accepted."""

    accepted: int
    refused: int
    kills: int
    # How often the killed worker held leases at that moment.
    kills_at_work: int
    scored: int
    five_votes: int
    scored_events_twice: int
    unscorable: int
    unfinished: int
    queued_twice: int

    @property
    def is_kept(self) -> bool:
        """Whether the invariant held. `unscorable` (three kills at one selfie) goes to a person and is not lost."""
        return (
            self.refused == self.scored_events_twice == self.unfinished == self.queued_twice == 0
            and self.scored + self.unscorable == self.accepted == self.five_votes + self.unscorable
        )


def run(
    running: Product,
    images: list[bytes],
    *,
    posts: int,
    kills: int,
    seed: int,
    say: Callable[[str], None],
    timeout_s: float = 3600,
) -> Outcome:
    """Post, kill, wait for the rest, count. Kills begin with posting and continue into the backlog; they stop
    early when nothing is left to score."""
    chance = random.Random(seed)
    load: Load[Answer] = Load(
        lambda heard: concurrent(
            running.target, images, posts=posts, at_once=AT_ONCE, name="chaos", heard=heard
        )
    )
    began, done, at_work = time.monotonic(), 0, 0
    longest_s = min(LONGEST_LIFE_S, LIFE_PER_SUBMISSION_S * posts / max(1, kills))
    while done < kills and not (load.is_done and _unfinished(running) == 0):
        if chance.random() < AT_WORK_SHARE:
            _until_at_work(running)
        _live(running, chance.uniform(0, longest_s))
        at_work += _kill(running)
        done += 1
        say(f"  {time.monotonic() - began:6.1f} s  kill {done} of {kills}, {running.scored()} verdicts")
        running.restart("scoring")
        running.runner.wait_ready("scoring")
    said = [time.monotonic()]

    def is_finished() -> bool:
        left = _unfinished(running)
        if time.monotonic() - said[0] > SAY_EVERY_S:
            said[0] = time.monotonic()
            say(f"  {said[0] - began:6.1f} s  {len(load.answers)} answered, {left} without a verdict")
        return load.is_done and left == 0

    running.wait(is_finished, timeout_s=timeout_s, what="the last verdict")
    ids = [
        answer.body.split(b'"id":"', 1)[1][:36].decode() for answer in load.answers if answer.status == 202
    ]
    return _counted(running, ids, posts - len(ids), done, at_work)


def _live(running: Product, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        running.runner.watch()
        time.sleep(0.02)


def _until_at_work(running: Product) -> None:
    before = running.scored()
    query = "SELECT 1 FROM submissions_submission WHERE state = 'scoring' AND due_at > now() AND lease_holder LIKE %s"
    process = running.process("scoring")
    holder = f"%:{process.pid if process else 0}:%"
    running.wait(
        lambda: bool(running.rows(query, holder)) or running.scored() > before or _unfinished(running) == 0,
        timeout_s=AT_WORK_TIMEOUT_S,
        what="the scoring worker at work",
    )


def _kill(running: Product) -> bool:
    """Kill the scoring worker; returns whether it held leases."""
    process = running.process("scoring")
    if process is None:
        return False
    process.kill()
    process.wait(timeout=10)
    return bool(running.rows("SELECT 1 FROM submissions_submission WHERE state = 'scoring' LIMIT 1"))


def _unfinished(running: Product) -> int:
    query = "SELECT count(*) FROM submissions_submission WHERE state IN ('received', 'scoring')"
    return int(running.rows(query)[0][0])


def _counted(running: Product, ids: list[str], refused: int, kills: int, at_work: int) -> Outcome:
    def count(query: str) -> int:
        return int(running.rows(query, ids)[0][0])

    return Outcome(
        accepted=len(ids),
        refused=refused,
        kills=kills,
        kills_at_work=at_work,
        scored=count("SELECT count(*) FROM scoring_scoring WHERE submission_id = ANY(%s::uuid[])"),
        five_votes=count(
            "SELECT count(*) FROM (SELECT scoring_id FROM scoring_vote v JOIN scoring_scoring g ON g.id = v.scoring_id "
            "WHERE g.submission_id = ANY(%s::uuid[]) GROUP BY scoring_id HAVING count(*) = 5) five"
        ),
        scored_events_twice=count(
            "SELECT count(*) FROM (SELECT target_id FROM audit_event WHERE action = 'submission.scored' "
            "AND target_id = ANY(%s::text[]) GROUP BY target_id HAVING count(*) <> 1) twice"
        ),
        unscorable=count(
            "SELECT count(*) FROM review_reviewitem WHERE reason = 'unscorable' AND submission_id = ANY(%s::uuid[])"
        ),
        unfinished=count(
            "SELECT count(*) FROM unnest(%s::uuid[]) AS posted(id) LEFT JOIN submissions_submission s USING (id) "
            "WHERE s.state IS NULL OR s.state NOT IN ('in_review', 'completed')"
        ),
        queued_twice=count(
            "SELECT count(*) FROM (SELECT submission_id FROM review_reviewitem WHERE submission_id = ANY(%s::uuid[]) "
            "GROUP BY submission_id HAVING count(*) > 1) twice"
        ),
    )


def report(outcome: Outcome) -> bool:
    line("accepted posts", str(outcome.accepted))
    line("refused posts", str(outcome.refused), reached=outcome.refused == 0, target="0")
    line("kills -9, of them while it held leases", f"{outcome.kills}, {outcome.kills_at_work}")
    line("with one verdict", str(outcome.scored))
    line("handed to a person after three kills (unscorable)", str(outcome.unscorable))
    twice = outcome.scored_events_twice + outcome.queued_twice
    line("with two verdicts", str(twice), reached=twice == 0, target="0")
    lost = outcome.accepted - outcome.scored - outcome.unscorable + outcome.unfinished
    line("lost", str(lost), reached=lost == 0, target="0")
    return outcome.is_kept
