import django.db.models.functions.datetime
from django.db import migrations, models

# Each change of what `_with_results` (kyc_review/scoring/counts.py) says, noted with the quarter hour in which the picture
# was scored. Votes never change, and what the models alone cleared or a check sent back is not counted: so nothing is
# written while results come from the models. The function writes with the owner's rights: the release before, whose role
# has none on the new tables, still runs.
TOUCH = """
CREATE FUNCTION scoring_result_touched() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    INSERT INTO scoring_resulttouch (slot)
    SELECT date_bin('15 minutes', scored_at, 'epoch'::timestamptz) FROM scoring_scoring
    WHERE submission_id = NEW.id;
    RETURN NULL;
END $$;
CREATE TRIGGER scoring_result_changed AFTER UPDATE ON submissions_submission FOR EACH ROW
    WHEN (OLD.result <> NEW.result AND (OLD.state IN ('in_review', 'completed') OR NEW.result = 'rejected'))
    EXECUTE FUNCTION scoring_result_touched();
"""
END = """
DROP TRIGGER scoring_result_changed ON submissions_submission;
DROP FUNCTION scoring_result_touched();
"""


class Migration(migrations.Migration):

    dependencies = [
        ('scoring', '0009_vote_index'),
        ('submissions', '0018_integration_index'),
    ]

    operations = [
        migrations.CreateModel(
            name='ResultCount',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('slot', models.DateTimeField(help_text='When the quarter hour began in which they were scored.')),
                ('bundle_version', models.CharField(max_length=60)),
                ('bundle_digest', models.CharField(max_length=64)),
                ('shift', models.FloatField()),
                ('pattern', models.CharField(blank=True, help_text='1 for each vote for fake, 0 for each other; empty: all say real.', max_length=20)),
                ('result', models.CharField(max_length=10)),
                ('is_planted', models.BooleanField()),
                ('number', models.PositiveIntegerField()),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('slot', 'bundle_digest', 'bundle_version', 'shift', 'pattern', 'result', 'is_planted'), name='result_count_once')],
            },
        ),
        migrations.CreateModel(
            name='ResultCountMark',
            fields=[
                ('id', models.PositiveSmallIntegerField(default=1, primary_key=True, serialize=False)),
                ('until', models.DateTimeField(null=True)),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(('id', 1)), name='one_result_count_mark')],
            },
        ),
        migrations.CreateModel(
            name='ResultTouch',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('slot', models.DateTimeField()),
                ('at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                'indexes': [models.Index(fields=['at'], name='result_touch_by_time')],
            },
        ),
        migrations.RunSQL(TOUCH, END),
    ]
