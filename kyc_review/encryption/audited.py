"""How what all processes must share is compared with the latest events of it (kyc_review/audit/record_kinds.py).

The application's role may change these rows: one statement would let a process store pictures unencrypted.
"""

from kyc_review.audit.models import Event
from kyc_review.audit.record_kinds import Compared
from kyc_review.encryption.models import SharedSetting

EVENTS = Event._meta.db_table
# An event that gives a name no SHA-256 says that there is no such row any more.
SHARED = f"""WITH told AS (
    SELECT e.id, named.name, e.detail->'sha256'->>named.name AS sha256
    FROM {EVENTS} AS e CROSS JOIN LATERAL jsonb_array_elements_text(
        CASE jsonb_typeof(e.detail->'names') WHEN 'array' THEN e.detail->'names' ELSE '[]' END) AS named(name)
    WHERE e.action IN ('secrets.first_known', 'secrets.adopted')
    UNION ALL
    SELECT id, 'KEY_ENCRYPTION', CASE action WHEN 'keys.encryption_on' THEN encode(sha256('on'), 'hex') END
    FROM {EVENTS} WHERE action IN ('keys.encryption_on', 'keys.encryption_off')
), said AS (
    SELECT DISTINCT ON (name) id, name, sha256 FROM told ORDER BY name, id DESC
), held AS (
    SELECT name, encode(sha256(convert_to(value, 'UTF8')), 'hex') AS sha256 FROM {SharedSetting._meta.db_table}
)
SELECT held.name, said.id, ARRAY['value'], NULL::timestamptz FROM held FULL JOIN said ON said.name = held.name
WHERE held.sha256 IS DISTINCT FROM said.sha256 ORDER BY held.name, said.id"""  # noqa: S608  (names of our own)
KINDS = (Compared("shared setting", SHARED),)
