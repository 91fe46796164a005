"""Encryption of pictures at rest (docs/encryption.md)."""

from kyc_review.settings.environment import env

# Whether new pictures are encrypted. What is encrypted already stays readable as long as its keys are given.
KEY_ENCRYPTION = env.bool("KEY_ENCRYPTION", default=False)
# The key-encryption keys: a file with one a line, or a list. The first one encrypts, the others are fallbacks.
KEY_ENCRYPTION_KEY_FILE = env.str("KEY_ENCRYPTION_KEY_FILE", default="")
KEY_ENCRYPTION_KEYS = env.list("KEY_ENCRYPTION_KEYS", default=[])
