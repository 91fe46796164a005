from django.db import migrations

# Bundles and promotions stay as they were written.
REFUSE = """
CREATE FUNCTION registry_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'rows of % are written once', TG_TABLE_NAME;
END $$;
CREATE TRIGGER registry_promotion_append_only BEFORE UPDATE OR DELETE ON registry_promotion
    FOR EACH ROW EXECUTE FUNCTION registry_refuse_change();
CREATE TRIGGER registry_bundle_immutable BEFORE UPDATE ON registry_bundle
    FOR EACH ROW EXECUTE FUNCTION registry_refuse_change();
"""
ALLOW = """
DROP TRIGGER registry_bundle_immutable ON registry_bundle;
DROP TRIGGER registry_promotion_append_only ON registry_promotion;
DROP FUNCTION registry_refuse_change();
"""


class Migration(migrations.Migration):
    dependencies = [("registry", "0001_initial")]
    operations = [migrations.RunSQL(REFUSE, ALLOW)]
