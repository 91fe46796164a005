"""How decisions are compared with their events (kyc_review/audit/record_kinds.py)."""

from kyc_review.audit.record_kinds import RecordKind

DECISIONS = """SELECT d.id, d.decided_at, CASE WHEN d.corrects_id IS NULL THEN 'item.decided' ELSE 'item.corrected' END,
    d.item_id::text, d.reviewer_id::text,
    jsonb_build_object('decision', d.id, 'label', d.label, 'obstacle', d.obstacle, 'is_sure', d.is_sure,
        'from', before.label, 'corrects', d.corrects_id)
    FROM review_decision AS d LEFT JOIN review_decision AS before ON before.id = d.corrects_id"""
UNDONE = """SELECT u.id, u.undone_at, 'item.undone', d.item_id::text, d.reviewer_id::text,
    jsonb_build_object('decision', d.id, 'label', d.label)
    FROM review_decisionundo AS u JOIN review_decision AS d ON d.id = u.decision_id"""
KINDS = (
    RecordKind("decision", ("item.decided", "item.corrected"), DECISIONS),
    RecordKind("undone decision", ("item.undone",), UNDONE),
)
