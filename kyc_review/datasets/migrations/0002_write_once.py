from django.db import migrations

# Ready snapshots and the items of any snapshot stay as they were written.
REFUSE = """
CREATE FUNCTION datasets_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'rows of % are written once', TG_TABLE_NAME;
END $$;
CREATE TRIGGER datasets_snapshot_immutable BEFORE UPDATE ON datasets_snapshot
    FOR EACH ROW WHEN (OLD.state = 'ready') EXECUTE FUNCTION datasets_refuse_change();
CREATE TRIGGER datasets_item_immutable BEFORE UPDATE ON datasets_snapshotitem
    FOR EACH ROW EXECUTE FUNCTION datasets_refuse_change();
"""
ALLOW = """
DROP TRIGGER datasets_item_immutable ON datasets_snapshotitem;
DROP TRIGGER datasets_snapshot_immutable ON datasets_snapshot;
DROP FUNCTION datasets_refuse_change();
"""


class Migration(migrations.Migration):
    dependencies = [("datasets", "0001_initial")]
    operations = [migrations.RunSQL(REFUSE, ALLOW)]
