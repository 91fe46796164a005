"""How the gate's settings and proposals are compared with their events (kyc_review/audit/record_kinds.py)."""

from kyc_review.audit.record_kinds import Compared, RecordKind, Told, closed
from kyc_review.registry.models import Bundle
from kyc_review.training.approvals import WITHOUT_PERSON, not_approved

GATE_SETTINGS = """SELECT g.id, g.changed_at, 'gate.settings_changed', g.id::text,
    coalesce(g.approved_by_id, g.changed_by_id)::text,
    to_jsonb(g) || jsonb_build_object('proposed_by_id', g.changed_by_id) FROM training_gatesettings AS g"""
GATE_PROPOSED = """SELECT id, proposed_at, 'gate.settings_proposed', id::text, proposed_by_id::text,
    jsonb_build_object('before', before, 'after', limits, 'reason', reason) FROM training_gateproposal"""
GATE_CLOSED = """SELECT id, decided_at, CASE state WHEN 'approved' THEN 'gate.settings_changed'
    ELSE 'gate.settings_' || state END, id::text, coalesce(decided_by_id::text, ''),
    jsonb_build_object('remark', remark, 'reason', reason, 'before', before, 'after', limits,
        'proposed_by_id', proposed_by_id)
    FROM training_gateproposal WHERE state <> 'open'"""
PROMOTION_PROPOSED = f"""SELECT p.id, p.proposed_at, 'promotion.proposed', p.id::text, p.proposed_by_id::text,
    jsonb_build_object('digest', b.digest, 'shift', p.shift, 'reason', p.reason, 'override', p.override)
    FROM training_proposal AS p JOIN training_comparison AS c ON c.id = p.comparison_id
    JOIN {Bundle._meta.db_table} AS b ON b.id = c.candidate_id"""  # noqa: S608  (names of our own)
PROMOTION_CLOSED = """SELECT id, decided_at, 'promotion.' || state, id::text, coalesce(decided_by_id::text, ''),
    jsonb_build_object('remark', remark) FROM training_proposal WHERE state <> 'open'"""
GATE_PROPOSAL = "CASE action WHEN 'gate.settings_changed' THEN detail->>'proposal' ELSE target_id END"
KINDS = (
    RecordKind("gate settings", ("gate.settings_changed",), GATE_SETTINGS),
    RecordKind("gate proposal", ("gate.settings_proposed",), GATE_PROPOSED),
    RecordKind(
        "decided gate proposal", closed("gate.settings_", "gate.settings_changed"), GATE_CLOSED, GATE_PROPOSAL
    ),
    RecordKind("promotion proposal", ("promotion.proposed",), PROMOTION_PROPOSED),
    RecordKind("decided promotion proposal", closed("promotion."), PROMOTION_CLOSED),
    Compared("promotion", not_approved(), sort="not approved by two people"),
    Told(
        "promotion",
        WITHOUT_PERSON,
        "without a person, so by the operator's command or with a password of the database",
    ),
)
