from django.db import migrations

# A run that has succeeded keeps its candidate, as ended comparisons keep their report.
REFUSE = """
CREATE TRIGGER training_run_final BEFORE UPDATE ON training_trainingrun
    FOR EACH ROW WHEN (OLD.state = 'succeeded') EXECUTE FUNCTION training_refuse_change_of_final();
"""
ALLOW = "DROP TRIGGER training_run_final ON training_trainingrun;"


class Migration(migrations.Migration):
    dependencies = [("training", "0013_run_init_shift")]
    operations = [migrations.RunSQL(REFUSE, ALLOW)]
