"""What must hold whatever failed: the database, the files, and what clients and receivers were told, compared."""

import hashlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from bench.chaos.traffic import Told, manage
from bench.product import Product

# Answers that an onboarding system can act on; 0 is none, and 409 says that the first attempt is still in work.
ANSWERS = frozenset({0, 202, 409, 429, 503})
NAMED = 5

# (what is wrong, the rows that are)
FAULTY_ROWS = {
    "a submission is not finished": """
        SELECT id FROM submissions_submission WHERE state NOT IN ('in_review', 'completed')""",
    "a submission has a verdict without its five votes": """
        SELECT g.submission_id FROM scoring_scoring g LEFT JOIN scoring_vote v ON v.scoring_id = g.id
        GROUP BY g.id HAVING count(v.id) <> 5 OR count(DISTINCT v.position) <> 5""",
    "a submission has two verdicts": """
        SELECT submission_id FROM scoring_scoring GROUP BY submission_id HAVING count(*) > 1""",
    "a verdict and its audit event are not one to one": """
        SELECT coalesce(g.submission_id::text, e.target_id) FROM scoring_scoring g
        FULL JOIN (SELECT target_id, count(*) AS number FROM audit_event WHERE action = 'submission.scored'
            GROUP BY target_id) e ON e.target_id = g.submission_id::text
        WHERE e.number IS DISTINCT FROM 1 OR g.id IS NULL""",
    "a submission without a verdict was neither sent back nor given to a person": """
        SELECT s.id FROM submissions_submission s LEFT JOIN scoring_scoring g ON g.submission_id = s.id
        WHERE g.id IS NULL AND s.result <> 'resubmit'
        AND NOT EXISTS (SELECT 1 FROM review_reviewitem i WHERE i.submission_id = s.id)""",
    "a submission was cleared by models without five votes for real": """
        SELECT s.id FROM submissions_submission s WHERE s.result = 'clear' AND s.result_reason = 'models_agree'
        AND (SELECT count(*) FROM scoring_scoring g JOIN scoring_vote v ON v.scoring_id = g.id
            WHERE g.submission_id = s.id AND NOT v.is_fake AND v.probability < v.threshold) <> 5""",
    "a submission has a person's result without that person's decision": """
        SELECT s.id FROM submissions_submission s WHERE s.state = 'completed' AND s.result_reason IN
        ('reviewer_found_genuine', 'reviewer_found_forged') AND NOT EXISTS (
            SELECT 1 FROM review_decision d WHERE d.submission_id = s.id AND d.label =
            CASE s.result WHEN 'clear' THEN 'real' WHEN 'rejected' THEN 'fake' END)""",
    "a submission that waits for a person has no item": """
        SELECT s.id FROM submissions_submission s WHERE s.state = 'in_review' AND NOT EXISTS (
            SELECT 1 FROM review_reviewitem i WHERE i.submission_id = s.id AND i.state <> 'decided')""",
    "a submission has two items for one reason": """
        SELECT submission_id FROM review_reviewitem GROUP BY submission_id, reason HAVING count(*) > 1""",
    "an item has two decisions": """
        SELECT item_id FROM review_decision GROUP BY item_id HAVING count(*) > 1""",
    "a completed submission has no event, or one twice": """
        SELECT s.id FROM submissions_submission s WHERE s.state = 'completed' AND (
            SELECT count(*) FROM webhooks_event e WHERE e.submission_id = s.id AND e.kind IN
            ('submission.cleared', 'submission.completed', 'submission.resubmit_requested')) <> 1""",
    "an event is there twice": """
        SELECT submission_id FROM webhooks_event WHERE submission_id IS NOT NULL
        GROUP BY submission_id, kind HAVING count(*) > 1""",
    "an event has no delivery": """
        SELECT e.id FROM webhooks_event e LEFT JOIN webhooks_delivery d ON d.event_id = e.id WHERE d.id IS NULL""",
    "a delivery was given up": "SELECT event_id FROM webhooks_delivery WHERE state = 'dead'",
    "the database broke a deadlock": """
        SELECT datname FROM pg_stat_database WHERE datname = current_database() AND deadlocks > 0""",
    "a job did not end, or a snapshot is not built": """
        SELECT 'run ' || id FROM training_trainingrun WHERE state IN ('queued', 'running') UNION ALL
        SELECT 'comparison ' || id FROM training_comparison WHERE state IN ('queued', 'running') UNION ALL
        SELECT 'snapshot ' || id FROM datasets_snapshot WHERE state = 'building'""",
    "a training run and its candidate are not one to one": """
        SELECT id FROM training_trainingrun WHERE (state = 'succeeded') <> (candidate_id IS NOT NULL) UNION ALL
        SELECT min(id) FROM training_trainingrun WHERE candidate_id IS NOT NULL
        GROUP BY candidate_id HAVING count(*) > 1""",
    "a run ended without one audit event that says so": """
        SELECT r.id FROM training_trainingrun r WHERE r.state IN ('succeeded', 'failed') AND (
            SELECT count(*) FROM audit_event e WHERE e.target_id = r.id::text
            AND e.action = 'training.' || r.state) <> 1""",
}


def violations(running: Product, told: Told, originals: Path) -> Iterator[str]:
    """One line for each invariant that does not hold, with some of the rows concerned."""
    for what, query in FAULTY_ROWS.items():
        yield from _named(what, [str(row[0]) for row in running.rows(query)])
    yield from _posts(running, told, originals)
    yield from _decisions(running, told)
    yield from _webhooks(running, told)
    for command in (("audit", "verify"), ("verify",)):
        done = manage(running, *command)
        if done.returncode:
            yield f"manage.py {' '.join(command)}: {(done.stdout + done.stderr).strip()[-2000:]}"


def undelivered(running: Product) -> int:
    """Deliveries that are still due, now or after a pause."""
    query = "SELECT count(*) FROM webhooks_delivery WHERE state IN ('pending', 'sending')"
    return int(running.rows(query)[0][0])


def _posts(running: Product, told: Told, originals: Path) -> Iterator[str]:
    rows = running.rows("SELECT external_ref, id::text, sha256, image_key FROM submissions_submission")
    stored = {row[0]: row[1:] for row in rows}
    twice = [name for name, number in Counter(row[0] for row in rows).items() if number > 1]
    yield from _named("a picture is stored twice", twice)
    lost = [ref for ref, pk in told.accepted.items() if stored.get(ref, ("",))[0] != pk]
    yield from _named("an accepted picture is not there under its id", lost)
    yield from _named("a picture is there that no one posted", sorted(stored.keys() - told.digests.keys()))
    damaged = [
        ref
        for ref, (_, sha256, key) in stored.items()
        if not (sha256 == told.digests.get(ref) == _digest(originals / key))
    ]
    yield from _named("an original is missing, or differs from the picture that was posted", damaged)
    for what, statuses in (("post", told.statuses), ("reviewer", told.pages)):
        odd = [f"{status} ({number})" for status, number in statuses.items() if status not in ANSWERS]
        yield from _named(f"a {what} was answered with another error than 'try again'", odd)


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else "missing"


def _decisions(running: Product, told: Told) -> Iterator[str]:
    made = dict(running.rows("SELECT item_id, label FROM review_decision"))
    lost = [f"{item}: {label}" for item, label in told.decided.items() if made.get(item) != label]
    yield from _named("a recorded decision is not there, or another one", lost)
    unasked = [str(item) for item, label in made.items() if label not in told.asked.get(item, set())]
    yield from _named("a decision is there that no one sent", unasked)


def _webhooks(running: Product, told: Told) -> Iterator[str]:
    rows = running.rows(
        "SELECT e.id, d.state FROM webhooks_event e JOIN webhooks_delivery d ON d.event_id = e.id"
    )
    states = {f"evt_{pk.hex}": state for pk, state in rows}
    unheard = [event for event, state in states.items() if state == "delivered" and event not in told.events]
    yield from _named("a delivered event was not received", unheard)
    yield from _named("an event was received that is not there", sorted(told.events.keys() - states.keys()))
    changed = [event for event, bodies in told.events.items() if len(bodies) > 1]
    yield from _named("one webhook-id came with two bodies", changed)
    if told.unsigned:
        yield f"{told.unsigned} webhooks had no valid signature"


def _named(what: str, rows: list[str]) -> Iterator[str]:
    if rows:
        more = f" and {len(rows) - NAMED} more" if len(rows) > NAMED else ""
        yield f"{what}: {', '.join(rows[:NAMED])}{more}"
