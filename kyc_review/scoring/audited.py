"""How verdicts and votes are compared with their events (kyc_review/audit/record_kinds.py).

An event holds a digest of the votes and not the votes themselves: five for each selfie would double the log.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Sequence

from detection.voting import Vote
from kyc_review.audit.record_kinds import RecordKind
from kyc_review.scoring.models import Scoring

SCORED = "submission.scored"


def votes_digest(scoring: Scoring, votes: Sequence[Vote]) -> str:
    """SHA-256, in hexadecimal, of a verdict's risk, shift and auxiliary model and of each vote, in their order.

    Numbers are written as the eight bytes of a double, and texts as those of UTF-8, so that Postgres computes the same.
    """
    lines = [f"{_hex(scoring.risk)} {_hex(scoring.shift)} {scoring.auxiliary_model.encode().hex()}"]
    lines += [
        f"{position} {_hex(vote.probability)} {_hex(vote.threshold)} {int(vote.is_fake)} {vote.member.encode().hex()}"
        for position, vote in enumerate(votes)
    ]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _hex(number: float) -> str:
    return struct.pack(">d", number).hex()


LINE = """v.position || ' ' || encode(float8send(v.probability), 'hex') || ' ' || encode(float8send(v.threshold), 'hex')
    || ' ' || v.is_fake::int || ' ' || encode(convert_to(v.member, 'UTF8'), 'hex')"""
VERDICTS = f"""SELECT s.id, s.scored_at, '{SCORED}', s.submission_id::text, '',
    jsonb_build_object('verdict', s.verdict, 'bundle', s.bundle_digest, 'votes_sha256', encode(sha256(convert_to(
        encode(float8send(s.risk), 'hex') || ' ' || encode(float8send(s.shift), 'hex') || ' '
        || encode(convert_to(s.auxiliary_model, 'UTF8'), 'hex')
        || coalesce(E'\\n' || string_agg({LINE}, E'\\n' ORDER BY v.position), ''), 'UTF8')), 'hex'))
    FROM scoring_scoring AS s LEFT JOIN scoring_vote AS v ON v.scoring_id = s.id GROUP BY s.id"""  # noqa: S608
KINDS = (RecordKind("verdict", (SCORED,), VERDICTS, since="votes_sha256"),)
