from django.db import migrations

# While a snapshot is built, what was erased meanwhile is left out; after that its list of items stays.
REFUSE = """
CREATE FUNCTION datasets_refuse_removal() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM datasets_snapshot WHERE id = OLD.snapshot_id AND state = 'ready')
        AND NOT pg_has_role(current_user, (SELECT relowner FROM pg_class WHERE oid = TG_RELID), 'USAGE')
    THEN
        RAISE EXCEPTION 'items of ready snapshots are written once';
    END IF;
    RETURN OLD;
END $$;
CREATE TRIGGER datasets_item_of_ready BEFORE DELETE ON datasets_snapshotitem
    FOR EACH ROW EXECUTE FUNCTION datasets_refuse_removal();
"""
ALLOW = """
DROP TRIGGER datasets_item_of_ready ON datasets_snapshotitem;
DROP FUNCTION datasets_refuse_removal();
"""


class Migration(migrations.Migration):
    dependencies = [("datasets", "0004_snapshot_facts")]
    operations = [migrations.RunSQL(REFUSE, ALLOW)]
