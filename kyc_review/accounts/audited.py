"""How people, second factors, keys and requests for acts on accounts are compared with their events
(kyc_review/audit/record_kinds.py)."""

from kyc_review.audit.models import Event
from kyc_review.audit.record_kinds import Compared, RecordKind, closed

EVENTS = Event._meta.db_table
# The latest event that says something of a person counts.
PEOPLE = f"""WITH held AS (
    SELECT u.id, u.username, u.is_active, coalesce(string_agg(g.name, ', ' ORDER BY g.name COLLATE "C"), '') AS roles
    FROM accounts_user AS u LEFT JOIN accounts_user_groups AS m ON m.user_id = u.id
    LEFT JOIN auth_group AS g ON g.id = m.group_id GROUP BY u.id
), said AS (
    SELECT DISTINCT ON (target_id) target_id, id,
        coalesce(CASE action WHEN 'staff.created' THEN detail->>'role' ELSE detail->>'after' END, '') AS roles
    FROM {EVENTS} WHERE target_kind = 'user' AND action IN ('staff.created', 'staff.role_changed')
    ORDER BY target_id, id DESC
), named AS (
    SELECT DISTINCT ON (target_id) target_id, detail->>'username' AS username FROM {EVENTS}
    WHERE target_kind = 'user' AND action IN ('staff.created', 'staff.renamed') AND detail ? 'username'
    ORDER BY target_id, id DESC
), switched AS (
    SELECT DISTINCT ON (target_id) target_id, action <> 'staff.deactivated' AS is_active FROM {EVENTS}
    WHERE target_kind = 'user' AND action IN ('staff.created', 'staff.activated', 'staff.deactivated')
    ORDER BY target_id, id DESC
)
SELECT held.id, said.id, array_remove(ARRAY[CASE WHEN held.roles <> said.roles THEN 'roles' END,
    CASE WHEN held.username <> named.username THEN 'username' END,
    CASE WHEN held.is_active <> switched.is_active THEN 'is_active' END], NULL), NULL::timestamptz
FROM held LEFT JOIN said ON said.target_id = held.id::text
LEFT JOIN named ON named.target_id = held.id::text LEFT JOIN switched ON switched.target_id = held.id::text
WHERE said.id IS NULL OR held.roles <> said.roles OR held.username <> named.username
    OR held.is_active <> switched.is_active ORDER BY held.id"""  # noqa: S608
# An event names the factor by the SHA-256 of what its row keeps for good (second_factor/approving.py). Of factors from
# before that, `prepare` wrote the names once (second_factor/naming.py): what comes after the end of that list is none.
FACTORS = f"""WITH said AS (
    SELECT e.id, e.target_id, e.detail->>'factor_sha256' AS sha256,
        CASE e.action WHEN 'staff.passkey_added' THEN 'webauthn' WHEN 'staff.second_factor_named' THEN e.detail->>'type'
            ELSE 'totp' END AS type
    FROM {EVENTS} AS e
    WHERE e.target_kind = 'user' AND e.detail ? 'factor_sha256'
        AND (e.action IN ('staff.second_factor_enrolled', 'staff.passkey_added')
            OR e.action = 'staff.second_factor_named'
                AND e.id < (SELECT min(id) FROM {EVENTS} WHERE action = 'staff.second_factors_named'))
        AND NOT EXISTS (SELECT FROM {EVENTS} AS gone
            WHERE gone.target_kind = 'user' AND gone.target_id = e.target_id AND gone.id > e.id
                AND (gone.action IN ('staff.second_factor_ended', 'staff.second_factor_reset')
                    OR gone.action = 'staff.passkey_removed'
                        AND gone.detail->>'factor_sha256' = e.detail->>'factor_sha256'))
), held AS (
    SELECT id, user_id::text AS person, type,
        encode(sha256(convert_to(coalesce(data->>'secret', data->>'credential', ''), 'UTF8')), 'hex') AS sha256
    FROM mfa_authenticator WHERE type IN ('totp', 'webauthn')
)
SELECT held.id, said.id, NULL::text[], NULL::timestamptz
FROM held FULL JOIN said ON said.target_id = held.person AND said.type = held.type AND said.sha256 = held.sha256
WHERE held.id IS NULL OR said.id IS NULL
ORDER BY held.id, said.id"""  # noqa: S608
# What an event of an earlier version lacks is not compared. Only columns that the application may change can differ,
# and what the owner of the tables changes.
KEYS = f"""SELECT * FROM (
    SELECT k.id AS record, e.id AS event, array_remove(ARRAY[
        CASE WHEN e.detail->'scopes' <> to_jsonb(k.scopes) THEN 'scopes' END,
        CASE WHEN e.detail->'networks' <> to_jsonb(k.networks) THEN 'networks' END,
        CASE WHEN e.detail->'is_test' <> to_jsonb(k.is_test) THEN 'is_test' END,
        CASE WHEN e.detail ? 'scopes' AND e.actor_id <> coalesce(k.created_by_id::text, '') THEN 'created_by' END,
        CASE WHEN k.revoked_at IS NULL AND EXISTS (SELECT FROM {EVENTS} AS r WHERE r.action = 'key.revoked'
            AND r.target_kind = 'apikey' AND r.target_id = e.target_id) THEN 'revoked_at' END,
        CASE WHEN e.detail->>'rights_wait' = 'true' AND NOT k.erasing_waits AND NOT EXISTS (
            SELECT FROM {EVENTS} AS a WHERE a.action = 'key.rights_approved' AND a.target_kind = 'apikey'
                AND a.target_id = e.target_id AND a.actor_id <> e.actor_id) THEN 'rights_wait' END
        ], NULL) AS wrong, NULL::timestamptz
    FROM accounts_apikey AS k
    FULL JOIN (SELECT * FROM {EVENTS} WHERE action = 'key.created') AS e ON e.target_id = k.id::text
) AS pair WHERE record IS NULL OR event IS NULL OR wrong <> '{{}}' ORDER BY record, event"""  # noqa: S608

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
    Compared("person", PEOPLE),
    Compared("second factor", FACTORS),
    Compared("API key", KEYS),
    RecordKind("admin request", ("staff.admin_requested",), ADMIN_REQUESTED, PERSON_AND_ACT),
    RecordKind("decided admin request", closed("staff.admin_request_"), ADMIN_CLOSED, PERSON_AND_ACT),
)
