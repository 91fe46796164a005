"""Celery: the broker is a hint, the database is the truth."""

from celery.schedules import schedule

from kyc_review.settings.environment import env

VALKEY_URL = env.str("VALKEY_URL")
CELERY_BROKER_URL = VALKEY_URL
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# A killed worker's message returns after seconds instead of minutes (measured: 6.5 s instead of 101 s).
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "unacked_restore_interval": 2,
    "unacked_restore_throttle": 1,
    "socket_connect_timeout": 2,
    "socket_timeout": 10,
    "socket_keepalive": True,
}
CELERY_TASK_SERIALIZER = CELERY_RESULT_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TASK_DEFAULT_QUEUE = "default"
CELERY_TASK_ROUTES = {
    "kyc_review.pipeline.tasks.score_pending": {"queue": "scoring"},
    "kyc_review.pipeline.tasks.score_canary": {"queue": "scoring"},
    "kyc_review.training.tasks.run_due_jobs": {"queue": "training"},
    "kyc_review.pipeline.tasks.compute_evidence": {"queue": "evidence"},
    "kyc_review.planting.tasks.plant": {"queue": "evidence"},
}

# Skips what would only wait behind others of its kind.
CELERY_BEAT_SCHEDULER = "kyc_review.core.scheduler:BoundedScheduler"
# Periodic tasks: name, task, interval in seconds.
_SWEEPS = [
    ("sandbox-advance", "submissions.tasks.advance_sandbox", 2),
    ("sessions-clear", "accounts.tasks.clear_sessions", 24 * 3600),
    ("idempotency-expire", "submissions.tasks.expire_idempotency", 3600),
    ("originals-sweep", "submissions.tasks.sweep_orphans", 6 * 3600),
    ("erasures-sweep", "lifecycle.tasks.sweep_erasures", 30),
    ("retention-step", "lifecycle.tasks.erase_by_age", 10),
    ("webhooks-prune", "lifecycle.tasks.prune_webhooks", 60),
    ("snapshots-build", "datasets.tasks.build_snapshots", 15),
    ("training-schedule", "training.tasks.retrain_on_schedule", 3600),
    ("training-sweep", "training.tasks.run_due_jobs", 15),
    ("scoring-sweep", "pipeline.tasks.sweep", 3),
    ("scoring-canary", "pipeline.tasks.score_canary", 60),
    ("evidence-sweep", "pipeline.tasks.sweep_evidence", 10),
    ("scorings-count", "pipeline.tasks.count_scorings", 300),
    ("audits-count", "review.tasks.count_audits", 300),
    ("decisions-count", "review.tasks.count_decisions", 300),
    ("votes-count", "pipeline.tasks.count_votes", 120),
    ("evidence-measure", "pipeline.tasks.measure_evidence", 600),
    ("webhooks-sweep", "webhooks.tasks.deliver_due", 3),
    ("notices-sweep", "notices.tasks.deliver_due", 5),
    ("notices-seal", "notices.tasks.tell_seal", 3600),
    ("alarms-watch", "training.tasks.watch_alarms", 600),
    ("data-keys-rewrap", "encryption.tasks.rewrap", 60),
    ("audit-seal", "audit.tasks.seal", 10),
    ("planting", "planting.tasks.plant_by_chance", 60),
    ("planted-expire", "lifecycle.tasks.erase_planted", 3600),
    ("review-sweep", "review.tasks.sweep", 2),
    ("review-twins", "review.tasks.sweep_twins", 5),
    ("review-blinding", "review.tasks.renew_blinding_exceptions", 30),
]
CELERY_BEAT_SCHEDULE = {
    name: {"task": f"kyc_review.{task}", "schedule": schedule(run_every=every_s)}
    for name, task, every_s in _SWEEPS
}
