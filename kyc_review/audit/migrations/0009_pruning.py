from django.db import migrations

# Deleting is possible for the owner of the table alone, who says so in the transaction, and for events that every
# submission writes (PRUNED_ACTIONS in kyc_review/audit/pruned.py). No other role has the right to DELETE.
PRUNE = """
CREATE OR REPLACE FUNCTION audit_event_refuse() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF TG_OP = 'DELETE' AND current_setting('kyc_review.audit_pruning', true) = 'on'
        AND OLD.action IN ('submission.received', 'submission.scored')
        AND (SELECT pg_has_role(current_user, relowner, 'USAGE') FROM pg_class WHERE oid = TG_RELID)
    THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'the audit log is append-only';
END $$;
"""
REFUSE = """
CREATE OR REPLACE FUNCTION audit_event_refuse() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'the audit log is append-only';
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("audit", "0008_details_are_read")]
    operations = [migrations.RunSQL(PRUNE, REFUSE)]
