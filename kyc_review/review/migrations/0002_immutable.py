from django.db import migrations

# Undecided items change; what was decided stays. Deletion (retention) is left to the foreign keys' PROTECT.
REFUSE = """
CREATE FUNCTION review_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'decided review rows are immutable';
END $$;
CREATE TRIGGER review_item_immutable BEFORE UPDATE ON review_reviewitem
    FOR EACH ROW WHEN (OLD.state = 'decided') EXECUTE FUNCTION review_refuse_change();
CREATE TRIGGER review_decision_immutable BEFORE UPDATE ON review_decision
    FOR EACH ROW EXECUTE FUNCTION review_refuse_change();
"""
ALLOW = """
DROP TRIGGER review_decision_immutable ON review_decision;
DROP TRIGGER review_item_immutable ON review_reviewitem;
DROP FUNCTION review_refuse_change();
"""


class Migration(migrations.Migration):
    dependencies = [("review", "0001_initial")]
    operations = [migrations.RunSQL(REFUSE, ALLOW)]
