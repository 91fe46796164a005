from django.db import migrations

# The header's text is that of kyc_review/audit/headers.py. A role that may insert could still compute all of this, but
# not the signature, which the sealer verifies before it builds on a batch.
FOLLOW = r"""
CREATE FUNCTION audit_sealedbatch_follows() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    last record;
    expected bytea := decode(repeat('00', 32), 'hex');
    here text := (SELECT system_identifier::text FROM pg_control_system());
    snapshot pg_snapshot := pg_current_snapshot();
    next_one bigint := pg_snapshot_xmax(snapshot)::text::bigint;
    was_moved boolean := false;
BEGIN
    SELECT number, cluster, events_after, through_transaction, '{"format": "kyc-review-audit/1", "batch": ' || number
        || ', "sealed_at": "' || to_char(sealed_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US')
        || '+00:00", "cluster": ' || to_json(cluster) || ', "is_resumption": ' || is_resumption
        || ', "events_after": ' || events_after || ', "through_transaction": ' || through_transaction
        || ', "through_event": ' || through_event || ', "next_transaction": ' || b.next_transaction
        || ', "size": ' || size || ', "event_ids_sha256": "' || encode(sha256(event_ids), 'hex')
        || '", "root": "' || encode(root, 'hex') || '", "previous": "' || encode(previous, 'hex')
        || '", "key": ' || to_json(key_id) || '}' AS header
    INTO last FROM audit_sealedbatch AS b ORDER BY number DESC LIMIT 1;
    IF NEW.number <> coalesce(last.number, 0) + 1 THEN
        RAISE EXCEPTION 'batch % does not follow batch %', NEW.number, coalesce(last.number, 0);
    END IF;
    IF last.number IS NOT NULL THEN
        expected := sha256(convert_to(last.header, 'UTF8'));
        was_moved := last.cluster <> here
            OR last.through_transaction > pg_snapshot_xmin(snapshot)::text::bigint;
    END IF;
    IF NEW.previous <> expected THEN
        RAISE EXCEPTION 'batch % does not name the header of the batch before it', NEW.number;
    END IF;
    IF octet_length(NEW.event_ids) <> 8 * NEW.size OR octet_length(NEW.leaves) <> 32 * NEW.size THEN
        RAISE EXCEPTION 'batch % does not list as many events as it says', NEW.number;
    END IF;
    IF NEW.cluster <> here OR NEW.is_resumption <> was_moved
        OR (NOT was_moved AND NEW.events_after <> coalesce(last.events_after, 0)) THEN
        RAISE EXCEPTION 'batch % is not of this cluster of Postgres', NEW.number;
    END IF;
    IF NEW.through_transaction > next_one OR NEW.next_transaction > next_one THEN
        RAISE EXCEPTION 'batch % seals transactions that have not begun', NEW.number;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER audit_sealedbatch_follows BEFORE INSERT ON audit_sealedbatch
    FOR EACH ROW EXECUTE FUNCTION audit_sealedbatch_follows();
"""
ALLOW = """
DROP TRIGGER audit_sealedbatch_follows ON audit_sealedbatch;
DROP FUNCTION audit_sealedbatch_follows();
"""


class Migration(migrations.Migration):
    dependencies = [("audit", "0005_event_by_time_and_actor")]
    operations = [migrations.RunSQL(FOLLOW, ALLOW)]
