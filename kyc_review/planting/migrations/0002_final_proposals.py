from django.db import migrations

# As for the gate's proposals (training 0009): a decided one stays as it is, except for the owner of the table.
REFUSE = """
CREATE FUNCTION planting_refuse_change_of_final() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF pg_has_role(current_user, (SELECT relowner FROM pg_class WHERE oid = TG_RELID), 'USAGE') THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'final rows of % are written once', TG_TABLE_NAME;
END $$;
CREATE TRIGGER planting_proposal_final BEFORE UPDATE ON planting_plantingproposal
    FOR EACH ROW WHEN (OLD.state <> 'open') EXECUTE FUNCTION planting_refuse_change_of_final();
"""
ALLOW = """
DROP TRIGGER planting_proposal_final ON planting_plantingproposal;
DROP FUNCTION planting_refuse_change_of_final();
"""


class Migration(migrations.Migration):
    dependencies = [("planting", "0001_initial")]
    operations = [migrations.RunSQL(REFUSE, ALLOW)]
