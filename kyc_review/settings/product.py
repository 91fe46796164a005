"""What the bank can choose for scoring, evidence, review, webhooks and retraining."""

from pathlib import Path

import environ

from kyc_review.settings.environment import DATA_DIR, env
from kyc_review.submissions.check_policy import policy_read

# --- scoring ----------------------------------------------------------------------------------------------
SCORING_BATCH_MAX = env.int("SCORING_BATCH_MAX", default=32)
SCORING_LEASE_S = env.int("SCORING_LEASE_S", default=60)
SCORING_ATTEMPTS_MAX = env.int("SCORING_ATTEMPTS_MAX", default=3)
# The web process is not ready when nothing was scored for this time, not even the canary.
CANARY_MAX_AGE_S = env.int("CANARY_MAX_AGE_S", default=300)
WORKER_HEALTH_FILE = env.str("WORKER_HEALTH_FILE", default="")
CLOCK_SKEW_MAX_S = env.float("CLOCK_SKEW_MAX_S", default=5.0)
# Without any outcome for this time, selfies that have waited as long go to people (docs/checks.md).
SCORING_STANDSTILL_S = env.int("SCORING_STANDSTILL_S", default=600)
# What follows from a check that did not pass, where it is not the default (docs/checks.md).
try:
    CHECK_POLICY = policy_read(env.list("CHECK_POLICY", default=[]))
except ValueError as refused:
    raise environ.ImproperlyConfigured(str(refused)) from None
# Whether an auxiliary model may send to a person what all five votes find genuine (docs/evidence.md).
AUXILIARY_REVIEW = env.bool("AUXILIARY_REVIEW", default=True)
SCORING_DEVICE = env.str("SCORING_DEVICE", default="auto")
# What computes the votes: torch, or onnxruntime, which needs half the memory and no GPU (docs/deploy.md).
SCORING_ENGINE = env.str("SCORING_ENGINE", default="torch")
if SCORING_ENGINE not in ("torch", "onnxruntime"):
    raise environ.ImproperlyConfigured("SCORING_ENGINE must be torch or onnxruntime.")
if SCORING_ENGINE == "onnxruntime" and SCORING_DEVICE not in ("auto", "cpu"):
    raise environ.ImproperlyConfigured(
        "SCORING_ENGINE=onnxruntime needs SCORING_DEVICE=cpu; torch uses GPUs."
    )
# Networks that torch has exported for ONNX Runtime; they are made again when they are missing.
EXPORTED_DIR = Path(env.str("EXPORTED_DIR", default=str(DATA_DIR / "exported")))
SCORING_THREADS = env.int("SCORING_THREADS", default=0)  # 0: one per core

# --- evidence ---------------------------------------------------------------------------------------------
EVIDENCE_LEASE_S = env.int("EVIDENCE_LEASE_S", default=60)
EVIDENCE_ATTEMPTS_MAX = env.int("EVIDENCE_ATTEMPTS_MAX", default=2)
EVIDENCE_PATIENCE_S = env.float("EVIDENCE_PATIENCE_S", default=10.0)
# Further auxiliary models: folders written by `python -m ml run --export`.
AUXILIARY_MODELS_DIR = Path(env.str("AUXILIARY_MODELS_DIR", default=str(DATA_DIR / "auxiliary_models")))

# --- review -----------------------------------------------------------------------------------------------
CLAIM_LEASE_S = env.int("CLAIM_LEASE_S", default=600)
# A decision can be taken back during this time; after it the submission completes and its webhook is sent.
UNDO_WINDOW_S = env.int("UNDO_WINDOW_S", default=10)
HANDOVER_S = env.int("HANDOVER_S", default=3600)
REVIEW_SLA_S = env.int("REVIEW_SLA_S", default=4 * 3600)
# Fields of submissions' metadata by which seniors can filter the queue, such as "branch,country". Not one that tells
# when the applicant came: calibration items are older than they look.
QUEUE_METADATA_FIELDS = env.list("QUEUE_METADATA_FIELDS", default=[])
# Share of items whose votes and evidence stay hidden until a first call. Gold, audit and second reviews always are:
# below 1, a blind item is a little more likely to be one of them.
BLIND_SHARE = env.float("BLIND_SHARE", default=1.0)
GOLD_RATE = env.float("GOLD_RATE", default=0.03)
# Each opens at a random time within this delay after its new item: in pairs, one would be the calibration item.
GOLD_DELAY_S = env.float("GOLD_DELAY_S", default=1800)
# A second person reviews, blind, this share of the items at or above this risk, whatever the first one answers.
SECOND_REVIEW_SHARE = env.float("SECOND_REVIEW_SHARE", default=0.1)
SECOND_REVIEW_RISK = env.float("SECOND_REVIEW_RISK", default=0.9)
# A fake at or above this risk needs a second person; risks end at 1, so 2 asks for none.
SECOND_REVIEW_FAKE_RISK = env.float("SECOND_REVIEW_FAKE_RISK", default=2.0)
# Two people must say real of what every vote calls fake; a second person must agree with a correction.
CLEARING_FAKES_NEEDS_TWO = env.bool("CLEARING_FAKES_NEEDS_TWO", default=True)
CORRECTIONS_NEED_TWO = env.bool("CORRECTIONS_NEED_TWO", default=True)
# A rejection lets another person look again at cleared submissions with the same picture, once each.
TWINS_REOPEN = env.bool("TWINS_REOPEN", default=True)
# Cleared submissions that people review as an audit: this share of all, and in addition up to this share of
# those cleared closest to the threshold (in proportion to the risk).
AUDIT_SHARE = env.float("AUDIT_SHARE", default=0.01)
AUDIT_RISK_SHARE = env.float("AUDIT_RISK_SHARE", default=0.02)

# --- planted forgeries (docs/planted-forgeries.md) -----------------------------------------------------------
# Licensed pictures: they are forged, or lend parts to edits of applicants' pictures.
PLANTED_PICTURES_DIR = Path(env.str("PLANTED_PICTURES_DIR", default=str(DATA_DIR / "planted_pictures")))
# Days after which a planted forgery is erased, judged or not. Its figures stay.
PLANTED_DAYS = env.int("PLANTED_DAYS", default=14)
if not 1 <= PLANTED_DAYS <= 90:
    raise environ.ImproperlyConfigured(f"PLANTED_DAYS is {PLANTED_DAYS}: expected 1 to 90")

# --- retention --------------------------------------------------------------------------------------------
# Days after the outcome until submissions are erased (docs/erasure.md); 0: never. One value for submissions
# that no person decided, one for those that a person decided.
RETENTION_UNREVIEWED_DAYS = env.int("RETENTION_UNREVIEWED_DAYS", default=0)
RETENTION_REVIEWED_DAYS = env.int("RETENTION_REVIEWED_DAYS", default=0)
# How many submissions one admin may erase alone in 24 hours; two people erase more (docs/erasure.md).
ADMIN_ERASURES_PER_DAY = env.int("ADMIN_ERASURES_PER_DAY", default=20)
if ADMIN_ERASURES_PER_DAY < 0:
    raise environ.ImproperlyConfigured("ADMIN_ERASURES_PER_DAY must be 0 or more")
# Days for which webhook messages are kept, with deliveries and attempts; 0: without limit. A message is repeated for
# three days, and a program that reads the list of events must have time.
WEBHOOKS_KEPT_DAYS = env.int("WEBHOOKS_KEPT_DAYS", default=0)
if WEBHOOKS_KEPT_DAYS and WEBHOOKS_KEPT_DAYS < 7:
    raise environ.ImproperlyConfigured(
        f"WEBHOOKS_KEPT_DAYS is {WEBHOOKS_KEPT_DAYS}: expected 0, or 7 or more"
    )
# Days after which the operator may take mass events out of the audit log (docs/audit.md, "Pruning"); 0: never.
AUDIT_KEPT_DAYS = env.int("AUDIT_KEPT_DAYS", default=0)
if AUDIT_KEPT_DAYS and AUDIT_KEPT_DAYS < 365:
    raise environ.ImproperlyConfigured(f"AUDIT_KEPT_DAYS is {AUDIT_KEPT_DAYS}: expected 0, or 365 or more")

# --- webhooks ---------------------------------------------------------------------------------------------
# Seals endpoints' secrets in the database; empty: derived from SECRET_KEY. Several: the first seals, all open.
WEBHOOK_SECRETS_KEY = env.list("WEBHOOK_SECRETS_KEY", default=[])
# Receivers in the bank's own network; every other host must have public addresses and TLS.
WEBHOOK_ALLOWED_HOSTS = [host.lower() for host in env.list("WEBHOOK_ALLOWED_HOSTS", default=[])]

# Whether `manage.py bundle promote` and `bundle rollback` may change what is in production, without people and gate.
COMMAND_LINE_PROMOTION = env.bool("COMMAND_LINE_PROMOTION", default=True)

# An approver of promotions and gate settings must have a second factor. For this many days after one person created,
# re-activated or re-keyed an account or changed its role, the two count as one person; 0: never (four_eyes.py).
# For as long a new second factor approves nothing (second_factor/approving.py).
APPROVER_SECOND_FACTOR = env.bool("APPROVER_SECOND_FACTOR", default=True)
# Making a senior, admin or auditor, and what lets somebody act as one, needs two admins (people/admin_requests.py).
ADMIN_ACCESS_NEEDS_TWO = env.bool("ADMIN_ACCESS_NEEDS_TWO", default=True)
APPROVER_INDEPENDENCE_DAYS = env.int("APPROVER_INDEPENDENCE_DAYS", default=30)
if APPROVER_INDEPENDENCE_DAYS < 0:
    raise environ.ImproperlyConfigured("APPROVER_INDEPENDENCE_DAYS must be 0 or more")

# --- notices ----------------------------------------------------------------------------------------------
# The mail server, as smtp+tls://user:password@host:587, smtp+ssl://... or smtp://...; consolemail:// prints e-mails.
# Empty: no e-mail is sent, and waiting ones are given up after three days.
EMAIL_URL = env.str("EMAIL_URL", default="")
if EMAIL_URL:
    vars().update(env.email_url_config(EMAIL_URL))
DEFAULT_FROM_EMAIL = env.str("EMAIL_FROM", default="kyc-review@localhost")
# Domains of the bank to whose addresses notices may be sent; "*": any. By default that of EMAIL_FROM.
NOTICE_EMAIL_DOMAINS = [
    domain.lower()
    for domain in env.list("NOTICE_EMAIL_DOMAINS", default=[])
    or [DEFAULT_FROM_EMAIL.rpartition("@")[2].rstrip(">")]
]

# --- retraining -------------------------------------------------------------------------------------------
# How many of the latest submissions a comparison of two bundles scores again.
REPLAY_MAX = env.int("REPLAY_MAX", default=2000)
# A field of submissions' metadata by whose values a comparison also counts, as "branch" or "age_band"; empty: none.
COMPARISON_GROUP_FIELD = env.str("COMPARISON_GROUP_FIELD", default="")
# Freeze the decisions and train a candidate at this interval in days; 0: only when asked. Promotion is never automatic.
RETRAIN_EVERY_DAYS = env.int("RETRAIN_EVERY_DAYS", default=0)
# A snapshot with fewer decisions is not trained on: candidates from fewer ranked no better than their champion, and the
# fifth that is held out (40 of 200) could not show a difference (docs/retraining.md).
TRAINING_DECISIONS_MIN = env.int("TRAINING_DECISIONS_MIN", default=200)
# At least this number of decisions that no snapshot holds, or an audit's bound above this share, suggests retraining.
RETRAIN_SUGGEST_DECISIONS = env.int("RETRAIN_SUGGEST_DECISIONS", default=500)
AUDIT_BOUND_MAX = env.float("AUDIT_BOUND_MAX", default=0.05)
# What a candidate must show to be proposed without an override (docs/retraining.md, "Promoting"). These are start
# values: what an admin sets on the page "Gate settings" replaces them. Recall: at most RECALL_MARGIN below the
# champion's and at least RECALL_MIN. Review load: at most LOAD_FACTOR times the champion's plus two points, and at most
# LOAD_MAX where it is set. No group may clearly lose more than GROUP_MARGIN. At least AUDITED_FAKES_MIN held-out fakes
# must come from the audit of cleared faces.
GATE_RECALL_MARGIN = env.float("GATE_RECALL_MARGIN", default=0.05)
GATE_RECALL_MIN = env.float("GATE_RECALL_MIN", default=0.5)
GATE_LOAD_FACTOR = env.float("GATE_LOAD_FACTOR", default=1.2)
GATE_LOAD_MAX = env.float("GATE_LOAD_MAX", default=None) if env.str("GATE_LOAD_MAX", default="") else None
GATE_GROUP_MARGIN = (
    env.float("GATE_GROUP_MARGIN", default=0.1) if env.str("GATE_GROUP_MARGIN", default="0.1") else None
)
GATE_AUDITED_FAKES_MIN = env.int("GATE_AUDITED_FAKES_MIN", default=5)
for _name, _share in {
    "GATE_RECALL_MARGIN": GATE_RECALL_MARGIN,
    "GATE_RECALL_MIN": GATE_RECALL_MIN,
    "GATE_LOAD_MAX": GATE_LOAD_MAX,
    "GATE_GROUP_MARGIN": GATE_GROUP_MARGIN,
}.items():
    if _share is not None and not 0 <= _share <= 1:
        raise environ.ImproperlyConfigured(f"{_name} is {_share}: expected a share from 0 to 1")
if GATE_LOAD_FACTOR < 0 or GATE_AUDITED_FAKES_MIN < 0:
    raise environ.ImproperlyConfigured("GATE_LOAD_FACTOR and GATE_AUDITED_FAKES_MIN must be 0 or more")
