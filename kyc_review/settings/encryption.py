"""Encryption of pictures at rest (docs/encryption.md)."""

from kyc_review.settings.environment import env

# Whether new pictures are encrypted. What is encrypted already stays readable as long as its keys are given.
KEY_ENCRYPTION = env.bool("KEY_ENCRYPTION", default=False)
# The key-encryption keys: a file with one a line, or a list. The first one encrypts, the others are fallbacks.
KEY_ENCRYPTION_KEY_FILE = env.str("KEY_ENCRYPTION_KEY_FILE", default="")
KEY_ENCRYPTION_KEYS = env.list("KEY_ENCRYPTION_KEYS", default=[])
# The ARN of the AWS KMS key that wraps new key-encryption keys; empty: they are written as they are.
KEY_ENCRYPTION_KMS_KEY = env.str("KEY_ENCRYPTION_KMS_KEY", default="")
# Seconds for which a process keeps a key that KMS unwrapped. KMS is asked again after half of them.
KEY_ENCRYPTION_KMS_CACHE_S = env.int("KEY_ENCRYPTION_KMS_CACHE_S", default=600)
