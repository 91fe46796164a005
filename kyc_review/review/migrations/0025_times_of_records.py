from django.db import migrations

DATE = """
CREATE TRIGGER review_decision_time BEFORE INSERT ON review_decision
    FOR EACH ROW EXECUTE FUNCTION audit_record_time_is_now('decided_at');
CREATE TRIGGER review_decisionundo_time BEFORE INSERT ON review_decisionundo
    FOR EACH ROW EXECUTE FUNCTION audit_record_time_is_now('undone_at');
CREATE TRIGGER review_firstcall_time BEFORE INSERT ON review_firstcall
    FOR EACH ROW EXECUTE FUNCTION audit_record_time_is_now('called_at');
"""
ALLOW = """
DROP TRIGGER review_firstcall_time ON review_firstcall;
DROP TRIGGER review_decisionundo_time ON review_decisionundo;
DROP TRIGGER review_decision_time ON review_decision;
"""


class Migration(migrations.Migration):
    dependencies = [("review", "0024_values_for_older_code"), ("audit", "0007_times_of_records")]
    operations = [migrations.RunSQL(DATE, ALLOW)]
