"""How promotions are compared with their events (kyc_review/audit/record_kinds.py)."""

from kyc_review.audit.record_kinds import RecordKind

PROMOTIONS = """SELECT p.id, p.promoted_at,
    CASE p.kind WHEN 'promote' THEN 'bundle.promoted' ELSE 'bundle.rolled_back' END,
    p.bundle_id::text, coalesce(p.promoted_by_id::text, ''),
    jsonb_build_object('promotion', p.id, 'digest', b.digest, 'shift', p.shift, 'reason', p.reason)
    FROM registry_promotion AS p JOIN registry_bundle AS b ON b.id = p.bundle_id"""
KINDS = (RecordKind("promotion", ("bundle.promoted", "bundle.rolled_back"), PROMOTIONS),)
