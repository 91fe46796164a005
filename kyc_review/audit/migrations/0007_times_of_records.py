from django.db import migrations

# The application's role cannot date a record: whatever it gives for the column named by the trigger is replaced. Not by
# rights on columns, so that processes of the version before, which give the time themselves, go on while they are replaced.
MAKE = """
CREATE FUNCTION audit_record_time_is_now() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF pg_has_role(current_user, (SELECT relowner FROM pg_class WHERE oid = TG_RELID), 'USAGE') THEN
        RETURN NEW;
    END IF;
    RETURN jsonb_populate_record(NEW, jsonb_build_object(TG_ARGV[0], statement_timestamp()));
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("audit", "0006_batches_follow")]
    operations = [migrations.RunSQL(MAKE, "DROP FUNCTION audit_record_time_is_now();")]
