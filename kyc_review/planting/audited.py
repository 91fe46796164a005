"""How planting's settings and proposals are compared with their events (kyc_review/audit/record_kinds.py)."""

from kyc_review.audit.record_kinds import RecordKind, closed

PLANTING_SETTINGS = """SELECT id, changed_at, CASE WHEN approved_by_id IS NULL THEN 'planting.switched_off'
    ELSE 'planting.changed' END, id::text, coalesce(approved_by_id, changed_by_id)::text,
    to_jsonb(s) || jsonb_build_object('proposed_by_id', changed_by_id) FROM planting_plantingsettings AS s"""
PLANTING_PROPOSED = """SELECT id, proposed_at, 'planting.proposed', id::text, proposed_by_id::text, to_jsonb(p)
    FROM planting_plantingproposal AS p"""
PLANTING_CLOSED = """SELECT id, decided_at,
    CASE state WHEN 'approved' THEN 'planting.changed' ELSE 'planting.' || state END,
    CASE state WHEN 'approved' THEN '' ELSE id::text END, coalesce(decided_by_id::text, ''),
    to_jsonb(p) - 'proposed_by' || jsonb_build_object('proposal', id) FROM planting_plantingproposal AS p
    WHERE state <> 'open'"""
# Older approvals do not name the proposal; only one is open at a time, so an approver's stand in the same order.
PROPOSAL = "CASE action WHEN 'planting.changed' THEN '' ELSE target_id END"
KINDS = (
    RecordKind("planting settings", ("planting.changed", "planting.switched_off"), PLANTING_SETTINGS),
    RecordKind("planting proposal", ("planting.proposed",), PLANTING_PROPOSED),
    RecordKind(
        "decided planting proposal", closed("planting.", "planting.changed"), PLANTING_CLOSED, PROPOSAL
    ),
)
