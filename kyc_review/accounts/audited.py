"""How requests for acts on accounts are compared with their events (kyc_review/audit/record_kinds.py)."""

from kyc_review.audit.record_kinds import RecordKind, closed

# A request of the bank's directory is stored as the person's own; its events have no actor.
ADMIN_REQUESTED = """SELECT id, proposed_at, 'staff.admin_requested', person_id || ':' || act,
    CASE WHEN proposed_by_id = person_id THEN '' ELSE proposed_by_id::text END,
    jsonb_build_object('request', id, 'role', role)
    FROM accounts_adminrequest"""
ADMIN_CLOSED = """SELECT id, decided_at, 'staff.admin_request_' || state, person_id || ':' || act,
    CASE WHEN decided_by_id = person_id AND proposed_by_id = person_id AND state = 'withdrawn' THEN ''
        ELSE coalesce(decided_by_id::text, '') END,
    jsonb_build_object('request', id, 'role', role) FROM accounts_adminrequest WHERE state <> 'open'"""
PERSON_AND_ACT = "target_id || ':' || (detail->>'act')"
KINDS = (
    RecordKind("admin request", ("staff.admin_requested",), ADMIN_REQUESTED, PERSON_AND_ACT),
    RecordKind("decided admin request", closed("staff.admin_request_"), ADMIN_CLOSED, PERSON_AND_ACT),
)
