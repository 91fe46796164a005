-- Rows of a table each, for the submissions of the temporary table `made` (bench/rows_filling.py), in the order of their
-- foreign keys. A blank line ends a statement; a percent sign is written twice.

-- submissions
INSERT INTO submissions_submission (id, integration_id, external_ref, applicant_ref, metadata, is_test, image_key,
    sha256, size_bytes, format, width, height, file_facts, state, result, result_reason, attempts, lease_holder,
    due_at, last_error, received_at, completed_at, cancelled_at, updated_at)
SELECT id, integration_id, 'application-' || n, 'customer-' || (n * 10 / 13), '{"channel": "app"}', is_test,
    left(id::text, 2) || '/' || id || '.jpg', encode(sha256(id::text::bytea), 'hex'), 48000 + n %% 9000, 'JPEG',
    600, 600, '{}',
    CASE WHEN fate = 'waiting' THEN 'received' WHEN fate = 'cancelled' THEN 'cancelled'
        WHEN fate = 'flagged' AND is_new THEN 'in_review' ELSE 'completed' END,
    CASE WHEN fate IN ('waiting', 'cancelled') OR fate = 'flagged' AND is_new THEN ''
        WHEN fate = 'sent_back' THEN 'resubmit'
        WHEN fate = 'flagged' THEN CASE WHEN v < 0.5 THEN 'rejected' WHEN v < 0.55 THEN 'resubmit' ELSE 'clear' END
        ELSE 'clear' END,
    CASE WHEN fate IN ('waiting', 'cancelled') OR fate = 'flagged' AND is_new THEN ''
        WHEN fate = 'sent_back' OR fate = 'flagged' AND v BETWEEN 0.5 AND 0.55 THEN 'blurred'
        WHEN fate = 'flagged' THEN
            CASE WHEN v < 0.5 THEN 'reviewer_found_forged' ELSE 'reviewer_found_genuine' END
        ELSE 'models_agree' END,
    1, '', at, '', at,
    CASE WHEN fate IN ('waiting', 'cancelled') OR fate = 'flagged' AND is_new THEN NULL
        WHEN fate = 'flagged' THEN at + interval '40 minutes' ELSE at + interval '2 seconds' END,
    CASE WHEN fate = 'cancelled' THEN at + interval '1 minute' END, at + interval '3 seconds'
FROM made

-- scorings
INSERT INTO scoring_scoring (submission_id, bundle_version, bundle_digest, shift, verdict, risk, elapsed_ms,
    scored_at)
SELECT id, 'filled-' || bundle, encode(sha256(bundle::text::bytea), 'hex'), 0,
    CASE WHEN fate <> 'flagged' THEN 'clear' WHEN v < 0.3 THEN 'unanimous_fake' ELSE 'split_vote' END,
    CASE WHEN fate <> 'flagged' THEN v * 0.2 WHEN v < 0.3 THEN 0.95 ELSE 0.9 - v * 0.8 END,
    30 + v * 40, at + interval '2 seconds'
FROM made WHERE fate IN ('clear', 'drawn', 'flagged') AND NOT is_test

-- votes
INSERT INTO scoring_vote (scoring_id, position, member, probability, threshold, is_fake)
SELECT s.id, p, 'member-' || p, CASE WHEN fake THEN 0.5 + v / 2 ELSE v / 2 END, 0.5, fake
FROM made JOIN scoring_scoring s ON s.submission_id = made.id CROSS JOIN generate_series(0, 4) AS p
CROSS JOIN LATERAL (SELECT s.verdict = 'unanimous_fake' OR s.verdict = 'split_vote' AND p < 1 + n %% 4) AS f(fake)

-- checks
INSERT INTO scoring_checkresult (submission_id, name, status, code, action, measure, value, "limit", checked_at)
SELECT id, name, CASE WHEN fails THEN 'fail' ELSE 'pass' END, CASE WHEN fails THEN 'blurred' ELSE '' END,
    CASE WHEN fails THEN 'resubmit' ELSE '' END, measure, 0.5 + v, 0.4, at + interval '2 seconds'
FROM made JOIN (VALUES ('intact', ''), ('uniform', 'content'), ('face_found', 'confidence'),
    ('single_face', 'second_face'), ('face_size', 'eye_distance'), ('face_complete', 'inside'),
    ('face_visible', 'flat_part'), ('pose', 'yaw'), ('sharpness', 'sharpness'), ('exposure', 'light')
) AS made_checks (name, measure) ON true
CROSS JOIN LATERAL (SELECT fate = 'sent_back' AND name = 'sharpness') AS f(fails)
WHERE fate NOT IN ('waiting', 'cancelled') AND NOT is_test

-- draws
INSERT INTO review_auditdraw (submission_id, outcome, probability, uniform_share, is_uniform, drawn_at)
SELECT id, 'clear', 0.01, 0.01, true, at + interval '2 seconds' FROM made WHERE fate = 'drawn'

-- items
INSERT INTO review_reviewitem (submission_id, reason, masked_reason, is_blind, outcome_may_be_known, is_escalated,
    queue_reason, queue_risk, risk, state, message, opened_at, decided_at)
SELECT id, CASE WHEN fate = 'drawn' THEN 'audit' WHEN v < 0.3 THEN 'unanimous_fake' ELSE 'split_vote' END, '',
    fate = 'drawn' OR n %% 10 = 0, false, false, CASE WHEN fate = 'drawn' THEN 'split_vote' ELSE '' END,
    CASE WHEN fate = 'drawn' THEN v END, v, CASE WHEN is_new THEN 'open' ELSE 'decided' END, '',
    at + interval '2 seconds', CASE WHEN NOT is_new THEN at + interval '41 minutes' END
FROM made WHERE fate IN ('flagged', 'drawn') ORDER BY n

-- decisions
INSERT INTO review_decision (item_id, submission_id, reviewer_id, label, obstacle, is_sure, parts, methods, regions,
    note, decided_at, handling_ms)
SELECT i.id, made.id, (%(reviewers)s::bigint[])[1 + n %% %(people)s],
    CASE WHEN fate = 'drawn' THEN 'real' WHEN v < 0.5 THEN 'fake' WHEN v < 0.55 THEN 'not_assessable' ELSE 'real' END,
    CASE WHEN fate = 'flagged' AND v BETWEEN 0.5 AND 0.55 THEN 'blurred' ELSE '' END, n %% 20 <> 0,
    CASE WHEN fate = 'flagged' AND v < 0.5 THEN '["eyes"]'::jsonb ELSE '[]' END, '[]', '[]', '',
    at + interval '40 minutes', 4000 + v * 20000
FROM made JOIN review_reviewitem i ON i.submission_id = made.id WHERE i.state = 'decided' ORDER BY n

-- first calls
INSERT INTO review_firstcall (item_id, reviewer_id, label, called_at)
SELECT i.id, d.reviewer_id, CASE WHEN v < 0.45 THEN 'fake' ELSE 'real' END, d.decided_at - interval '5 seconds'
FROM made JOIN review_reviewitem i ON i.submission_id = made.id JOIN review_decision d ON d.item_id = i.id
WHERE i.is_blind

-- exposures
INSERT INTO review_outcomeexposure (submission_id, person_id, seen_at, in_passing)
SELECT d.submission_id, d.reviewer_id, d.decided_at, false FROM made JOIN review_decision d ON
    d.submission_id = made.id

-- late outcomes
INSERT INTO submissions_lateoutcome (submission_id, finding, note, reported_by, reported_at)
SELECT id, CASE WHEN u < 0.06 THEN 'confirmed_genuine' ELSE 'confirmed_fraud' END, '', 'live_filled',
    at + interval '60 days' FROM made WHERE fate = 'clear' AND NOT is_test AND v < 0.002

-- evidence
INSERT INTO evidence_evidence (submission_id, state, attempts, lease_holder, due_at, last_error, facts, pictures,
    computed_at, elapsed_ms, likenesses_found_at)
SELECT id, 'ready', 1, '', at, '', '{"faces": 1, "views": ["ela", "noise"], "camera": null}',
    '{"ela": "image/webp", "noise": "image/webp", "face": "image/webp"}', at + interval '8 seconds', 900,
    at + interval '3 seconds'
FROM made WHERE fate IN ('flagged', 'drawn')

-- fingerprints
INSERT INTO evidence_fingerprint (submission_id, coarse, fine, close_ups)
SELECT id, ('x' || left(h, 16))::bit(64)::bigint, decode(h || h, 'hex'),
    '{"eyes": [0.3, 0.35, 0.4, 0.12], "mouth": [0.38, 0.6, 0.25, 0.12], "nose": [0.43, 0.45, 0.14, 0.17]}'
FROM (SELECT id, encode(sha256(id::text::bytea), 'hex') AS h, fate, is_test FROM made) AS rows
WHERE fate NOT IN ('waiting', 'cancelled') AND NOT is_test

-- likenesses
INSERT INTO evidence_likeness (submission_id, earlier_id, bits_apart, same_file)
SELECT a.id, b.id, 3, false FROM made a JOIN made b ON b.n = a.n - 7
WHERE a.fate = 'flagged' AND b.fate NOT IN ('waiting', 'cancelled')

-- messages
INSERT INTO webhooks_event (id, integration_id, submission_id, kind, payload, created_at)
SELECT gen_random_uuid(), integration_id, id, kind, jsonb_build_object('type', kind, 'timestamp', at, 'data',
    jsonb_build_object('id', id, 'status', status, 'result', result, 'reason', reason, 'checks', '[]'::jsonb,
    'is_test', is_test)), at + after
FROM made CROSS JOIN LATERAL (
    SELECT 'submission.cleared' AS kind, 'completed' AS status, 'clear' AS result, 'models_agree' AS reason,
        interval '2 seconds' AS after WHERE fate IN ('clear', 'drawn')
    UNION ALL SELECT 'submission.resubmit_requested', 'completed', 'resubmit', 'blurred', interval '2 seconds'
        WHERE fate = 'sent_back'
    UNION ALL SELECT 'submission.queued', 'in_review', NULL, NULL, interval '2 seconds' WHERE fate = 'flagged'
    UNION ALL SELECT 'submission.completed', 'completed', 'rejected', 'reviewer_found_forged', interval '40 minutes'
        WHERE fate = 'flagged' AND NOT is_new
) AS told

-- deliveries
INSERT INTO webhooks_delivery (id, event_id, endpoint_id, state, attempts_made, lease_holder, due_at, gives_up_at,
    created_at, finished_at)
SELECT gen_random_uuid(), e.id, %(endpoint)s, CASE WHEN n %% 1000 = 0 THEN 'dead' ELSE 'delivered' END, 1, '',
    e.created_at, e.created_at + interval '3 days', e.created_at, e.created_at + interval '1 second'
FROM made JOIN webhooks_event e ON e.submission_id = made.id
WHERE made.integration_id = (%(integrations)s::bigint[])[1]

-- attempts
INSERT INTO webhooks_attempt (delivery_id, at, status, error, elapsed_ms)
SELECT d.id, d.created_at + interval '1 second', 200, '', 120 FROM made
JOIN webhooks_event e ON e.submission_id = made.id JOIN webhooks_delivery d ON d.event_id = e.id

-- audit events
INSERT INTO audit_event (at, action, actor_kind, actor_id, actor_name, target_kind, target_id, detail)
SELECT at, 'submission.received', 'integration', integration_id::text, 'filled', 'submission', id::text,
    jsonb_build_object('sha256', encode(sha256(id::text::bytea), 'hex'), 'bytes', 48000) FROM made
UNION ALL SELECT at + interval '2 seconds', 'submission.scored', 'system', '', '', 'submission', id::text,
    jsonb_build_object('bundle', 'filled-' || bundle, 'verdict', CASE WHEN fate = 'flagged' THEN 'split_vote' ELSE
    'clear' END, 'risk', round(v::numeric, 4), 'checks', '{}'::jsonb) FROM made
    WHERE fate NOT IN ('waiting', 'cancelled') AND NOT is_test
UNION ALL SELECT d.decided_at + after, action, 'user', d.reviewer_id::text, 'filled', 'reviewitem', d.item_id::text,
    jsonb_build_object('label', d.label) FROM made JOIN review_decision d ON d.submission_id = made.id
    CROSS JOIN (VALUES ('item.claimed', interval '-15 s'), ('item.decided', interval '0 s'),
        ('item.settled', interval '10 s')) AS acts (action, after)
ORDER BY 1

-- idempotency records
INSERT INTO submissions_idempotencyrecord (integration_id, is_test, key, fingerprint, status, body, location,
    created_at)
SELECT integration_id, is_test, 'key-' || id, encode(sha256(id::text::bytea), 'hex'), 202,
    jsonb_build_object('id', id, 'status', 'received', 'external_ref', 'application-' || n, 'received_at', at)::text,
    '/api/v1/submissions/' || id, at
FROM made WHERE at > %(now)s - interval '1 day'
