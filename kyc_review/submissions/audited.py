"""How what was posted is compared with its event (kyc_review/audit/record_kinds.py)."""

from kyc_review.audit.record_kinds import Compared

# One event for each selfie: comparing columns takes half the time of a `RecordKind`, which builds JSON of each row.
RECEIVED = """SELECT s.id, e.id, array_remove(ARRAY[CASE WHEN s.sha256 <> e.detail->>'sha256' THEN 'sha256' END,
    CASE WHEN s.reference_sha256 <> e.detail->>'reference_sha256' THEN 'reference_sha256' END,
    CASE WHEN s.integration_id::text <> e.actor_id THEN 'integration' END,
    CASE WHEN s.received_at NOT BETWEEN e.at - interval '5 minutes' AND e.at + interval '5 minutes'
        THEN 'received_at' END], NULL)
FROM submissions_submission AS s
FULL JOIN (SELECT * FROM audit_event WHERE action = 'submission.received') AS e ON e.target_id = s.id::text
WHERE s.id IS NULL OR e.id IS NULL OR s.sha256 <> e.detail->>'sha256'
    OR s.reference_sha256 <> e.detail->>'reference_sha256' OR s.integration_id::text <> e.actor_id
    OR s.received_at NOT BETWEEN e.at - interval '5 minutes' AND e.at + interval '5 minutes'
ORDER BY s.id, e.id"""
KINDS = (Compared("submission", RECEIVED),)
