from django.db import migrations

# A decided proposal and an ended comparison stay as they are. The tables' owner is not held up: it could switch the
# triggers off, and tests need ended rows of other kinds.
REFUSE = """
CREATE FUNCTION training_refuse_change_of_final() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF pg_has_role(current_user, (SELECT relowner FROM pg_class WHERE oid = TG_RELID), 'USAGE') THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'final rows of % are written once', TG_TABLE_NAME;
END $$;
CREATE TRIGGER training_proposal_final BEFORE UPDATE ON training_proposal
    FOR EACH ROW WHEN (OLD.state <> 'open') EXECUTE FUNCTION training_refuse_change_of_final();
CREATE TRIGGER training_gate_proposal_final BEFORE UPDATE ON training_gateproposal
    FOR EACH ROW WHEN (OLD.state <> 'open') EXECUTE FUNCTION training_refuse_change_of_final();
CREATE TRIGGER training_comparison_final BEFORE UPDATE ON training_comparison
    FOR EACH ROW WHEN (OLD.state IN ('succeeded', 'failed', 'cancelled'))
    EXECUTE FUNCTION training_refuse_change_of_final();
"""
ALLOW = """
DROP TRIGGER training_comparison_final ON training_comparison;
DROP TRIGGER training_gate_proposal_final ON training_gateproposal;
DROP TRIGGER training_proposal_final ON training_proposal;
DROP FUNCTION training_refuse_change_of_final();
"""


class Migration(migrations.Migration):
    dependencies = [("training", "0008_gate_by_two")]
    operations = [migrations.RunSQL(REFUSE, ALLOW)]
