"""How decisions, and the results that they lead to, are compared with their events (kyc_review/audit/record_kinds.py).

Models lead to results, too, and checks; all are here, because the last event of a submission counts.
"""

from kyc_review.audit.models import Event
from kyc_review.audit.record_kinds import Compared, RecordKind
from kyc_review.scoring.models import Scoring
from kyc_review.submissions.models import ResultReason, Submission

# As a decision says it; another text where its item is one of another submission.
OF_SUBMISSION = """CASE d.submission_id WHEN i.submission_id THEN d.submission_id::text
    ELSE d.submission_id || ', item of ' || i.submission_id END"""
DECISIONS = f"""SELECT d.id, d.decided_at,
    CASE WHEN d.corrects_id IS NULL THEN 'item.decided' ELSE 'item.corrected' END,
    d.item_id::text, d.reviewer_id::text,
    jsonb_build_object('decision', d.id, 'label', d.label, 'obstacle', d.obstacle, 'is_sure', d.is_sure,
        'parts', d.parts, 'methods', d.methods, 'regions', d.regions, 'first_call', coalesce(f.label, ''),
        'from', before.label, 'corrects', d.corrects_id, 'submission', {OF_SUBMISSION})
    FROM review_decision AS d JOIN review_reviewitem AS i ON i.id = d.item_id
    LEFT JOIN review_decision AS before ON before.id = d.corrects_id
    LEFT JOIN review_firstcall AS f ON f.item_id = d.item_id AND f.reviewer_id = d.reviewer_id"""  # noqa: S608
UNDONE = f"""SELECT u.id, u.undone_at, 'item.undone', d.item_id::text, d.reviewer_id::text,
    jsonb_build_object('decision', d.id, 'label', d.label, 'submission', {OF_SUBMISSION})
    FROM review_decisionundo AS u JOIN review_decision AS d ON d.id = u.decision_id
    JOIN review_reviewitem AS i ON i.id = d.item_id"""  # noqa: S608
# Only the event of a clear verdict is pruned; other results have events that stay.
CLEARED = f"""CASE WHEN s.result = 'clear' AND s.result_reason = '{ResultReason.MODELS_AGREE.value}' AND EXISTS (
        SELECT FROM {Scoring._meta.db_table} AS v WHERE v.submission_id = s.id AND v.verdict = 'clear')
    THEN s.completed_at END"""
# Older events of items name no submission, and older verdicts no result: a clear verdict may have gone to people, as a
# check wanted it, so it is compared only where there is a result.
RESULTS = f"""WITH told AS (
    SELECT DISTINCT ON (submission) submission, event, result, reason, is_told FROM (
        SELECT e.id AS event,
            CASE e.target_kind WHEN 'reviewitem' THEN coalesce(e.detail->>'submission', (
                SELECT i.submission_id::text FROM review_reviewitem AS i
                WHERE i.id = CASE WHEN e.target_id ~ '^[0-9]{{1,18}}$' THEN e.target_id::bigint END))
            ELSE e.target_id END AS submission,
            CASE e.action WHEN 'submission.sent_back' THEN 'resubmit'
                WHEN 'submission.scored' THEN coalesce(e.detail->>'result',
                    CASE e.detail->>'verdict' WHEN 'clear' THEN 'clear' ELSE '' END)
                ELSE e.detail->>'result' END AS result,
            CASE e.action WHEN 'submission.sent_back' THEN e.detail->>'code'
                WHEN 'submission.overturned' THEN e.detail->>'reason' END AS reason,
            e.action <> 'submission.scored' OR e.detail ? 'result' AS is_told
        FROM {Event._meta.db_table} AS e
        WHERE e.action IN ('submission.scored', 'submission.sent_back', 'submission.overturned', 'item.settled',
            'submission.sandbox_completed', 'submission.sandbox_overturned')
    ) AS result_event ORDER BY submission, event DESC
)
SELECT s.id, told.event, array_remove(ARRAY[CASE WHEN s.result <> told.result THEN 'result' END,
    CASE WHEN s.result_reason <> told.reason THEN 'reason' END], NULL), {CLEARED}
FROM {Submission._meta.db_table} AS s LEFT JOIN told ON told.submission = s.id::text
WHERE (told.event IS NULL AND s.result <> '')
    OR (s.result <> told.result AND (told.is_told OR s.result <> '')) OR s.result_reason <> told.reason
ORDER BY s.id"""  # noqa: S608  (names of our own)
KINDS = (
    RecordKind("decision", ("item.decided", "item.corrected"), DECISIONS),
    RecordKind("undone decision", ("item.undone",), UNDONE),
    Compared("result of submission", RESULTS),
)
