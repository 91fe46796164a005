"""Where the keys of the audit log are, and where its roots are sent (docs/audit.md)."""

from kyc_review.settings.environment import env

# Empty: DATA_DIR/audit, and below it signing-key.pem and roots.jsonl. Public keys are in its folder public-keys.
AUDIT_DIR = env.str("AUDIT_DIR", default="")
AUDIT_KEY_FILE = env.str("AUDIT_KEY_FILE", default="")
AUDIT_ROOTS_FILE = env.str("AUDIT_ROOTS_FILE", default="")
