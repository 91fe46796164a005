"""How what was posted is compared with its event (kyc_review/audit/record_kinds.py)."""

from kyc_review.audit.models import Event
from kyc_review.audit.record_kinds import Compared
from kyc_review.encryption.models import DataKey

# One event for each selfie: comparing columns takes half the time of a `RecordKind`, which builds JSON of each row.
# What was posted encrypted has a data key, which is empty after an erasure only. Events of before do not say it.
KEPT = """(e.detail->>'encrypted' IS DISTINCT FROM 'true' OR coalesce(k.wrapped <> '', false) OR (k.scope IS NOT NULL
    AND s.erased_at IS NOT NULL))"""
RECEIVED = f"""SELECT s.id, e.id, array_remove(ARRAY[CASE WHEN s.sha256 <> e.detail->>'sha256' THEN 'sha256' END,
    CASE WHEN s.reference_sha256 <> e.detail->>'reference_sha256' THEN 'reference_sha256' END,
    CASE WHEN s.integration_id::text <> e.actor_id THEN 'integration' END,
    CASE WHEN s.received_at NOT BETWEEN e.at - interval '5 minutes' AND e.at + interval '5 minutes'
        THEN 'received_at' END,
    CASE WHEN NOT {KEPT} THEN 'data key' END], NULL), s.received_at
FROM submissions_submission AS s
FULL JOIN (SELECT * FROM {Event._meta.db_table} WHERE action = 'submission.received') AS e ON e.target_id = s.id::text
LEFT JOIN {DataKey._meta.db_table} AS k ON k.scope = 'submission/' || replace(e.target_id, '-', '')
WHERE s.id IS NULL OR e.id IS NULL OR s.sha256 <> e.detail->>'sha256'
    OR s.reference_sha256 <> e.detail->>'reference_sha256' OR s.integration_id::text <> e.actor_id
    OR s.received_at NOT BETWEEN e.at - interval '5 minutes' AND e.at + interval '5 minutes'
    OR NOT {KEPT}
ORDER BY s.id, e.id"""  # noqa: S608
KINDS = (Compared("submission", RECEIVED, has_own_event=True),)
