"""Key-encryption keys that AWS KMS wrapped: a line of the key file holds one, and is of no use without KMS.

One call unwraps a key, which is then kept in memory for KEY_ENCRYPTION_KMS_CACHE_S. AWS's hierarchical keyring does the
same with its branch keys; Google Tink's KmsEnvelopeAead and AWS's plain keyring ask for each message instead. A call
for each picture would take longer than encrypting it, cost money, and stop the queue at the limit of KMS's rate.
https://docs.aws.amazon.com/encryption-sdk/latest/developer-guide/use-hierarchical-keyring.html
"""

from __future__ import annotations

import base64
import binascii
import logging
import re
import threading
from dataclasses import dataclass
from functools import cache
from time import monotonic
from typing import Any

from django.conf import settings

from encrypted_files import stream
from kyc_review.encryption.problems import KeysUnavailable, key_id

log = logging.getLogger(__name__)
MARK = "aws-kms"
ARN = re.compile(r"arn:aws[a-z-]*:kms:([a-z0-9-]+):\d{12}:(?:key|alias)/[A-Za-z0-9/_-]+")
# Bound to the ciphertext, seen in CloudTrail, and usable as a condition of the key's policy.
CONTEXT = {"application": "kyc-review", "purpose": "key-encryption-key"}
CONNECT_S, READ_S, ATTEMPTS = 1, 2, 2
# A request that waits for another thread's call gives up after it: credentials are fetched with longer time-outs.
WAIT_S = 8.0
PAUSE_S = 5.0  # after a failure, until KMS is asked again
THROTTLED = {
    "ThrottlingException",
    "LimitExceededException",
    "RequestLimitExceeded",
    "TooManyRequestsException",
}
CREDENTIALS = {"ExpiredTokenException", "InvalidClientTokenId", "InvalidSignatureException"} | {
    "MissingAuthenticationToken",
    "UnrecognizedClientException",
}
GIVE_CREDENTIALS = (
    "give every process that reads pictures an IAM role, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
)
CURES = {
    "AccessDeniedException": "allow kms:Encrypt and kms:Decrypt with this key to the role of the processes, in the "
    f"key's policy or in IAM, with the encryption context {CONTEXT}",
    "DisabledException": "enable the key",
    "KMSInvalidStateException": "cancel the deletion of the key, or wait until it is enabled",
    "NotFoundException": "there is no such key in this region: correct the ARN, or restore the key",
    "InvalidCiphertextException": "the line was changed; restore the key file from your backup",
    "IncorrectKeyException": "the line was wrapped with another KMS key; restore the key file from your backup",
    "InvalidKeyUsageException": "choose a symmetric KMS key for encryption (SYMMETRIC_DEFAULT)",
} | dict.fromkeys(CREDENTIALS, GIVE_CREDENTIALS)


class KmsRefused(KeysUnavailable):
    """KMS answered that the key may not be used, so what memory holds of it is forgotten at once."""


@dataclass(frozen=True, slots=True)
class _Known:
    """What the latest calls said; moments by the monotonic clock, in seconds."""

    key: bytes | None = None
    ask_at: float = float("-inf")
    ends_at: float = float("-inf")
    failure: str = ""


class KmsKey:
    """A key-encryption key that KMS unwraps. Safe to use in several threads."""

    def __init__(self, id: str, arn: str, ciphertext: bytes) -> None:
        self.id, self._arn, self._ciphertext = id, arn, ciphertext
        self._known, self._asking = _Known(), threading.Lock()

    @property
    def origin(self) -> str:
        return f"unwrapped by AWS KMS with {self._arn}"

    def value(self) -> bytes:
        """The key. KMS is asked when half of KEY_ENCRYPTION_KMS_CACHE_S is over; while it does not answer, the key
        serves for the other half. Raises KeysUnavailable."""
        known, now = self._known, monotonic()
        if now < known.ask_at:
            return _key_of(known)
        is_held = now < known.ends_at
        if self._asking.acquire(timeout=0 if is_held else WAIT_S):
            try:
                if self._known is known:  # no other thread has asked meanwhile
                    self._known = self._asked(known)
            finally:
                self._asking.release()
        elif not is_held:
            raise KeysUnavailable(f"AWS KMS has not answered for {WAIT_S:.0f} s; {_again(self._arn)}")
        return _key_of(self._known)

    def _asked(self, known: _Known) -> _Known:
        began, held_s = monotonic(), settings.KEY_ENCRYPTION_KMS_CACHE_S
        try:
            answer = _call("decrypt", self._arn, CiphertextBlob=self._ciphertext)
            key: bytes = answer["Plaintext"]
            if len(key) != stream.KEY_BYTES or key_id(key) != self.id:
                raise KmsRefused(f"AWS KMS unwrapped another key than {self.id}; restore the key file")
        except KeysUnavailable as failure:
            now, text = monotonic(), str(failure.strerror)
            log.warning("the key-encryption key %s was not unwrapped: %s", self.id, text)
            if isinstance(failure, KmsRefused) or now >= known.ends_at:
                return _Known(ask_at=now + PAUSE_S, failure=text)
            return _Known(known.key, min(now + PAUSE_S, known.ends_at), known.ends_at, text)
        return _Known(key, began + held_s / 2, began + held_s)


def _key_of(known: _Known) -> bytes:
    if known.key is None:
        raise KeysUnavailable(known.failure)
    return known.key


def is_line(text: str) -> bool:
    """Whether a line of a key file names a key that KMS unwraps."""
    return text.split(maxsplit=1)[:1] == [MARK]


def parsed(text: str, source: str) -> KmsKey:
    """Raises KeysUnavailable for a line that `new_line` did not write."""
    try:
        _, id, arn, ciphertext = text.split()
        if not ARN.fullmatch(arn) or not re.fullmatch(r"[0-9a-f]{16}", id):
            raise ValueError
        return KmsKey(id, arn, base64.b64decode(ciphertext, validate=True))
    except (binascii.Error, ValueError) as refused:
        raise KeysUnavailable(
            f"{source} holds a line of AWS KMS that is not whole: expected `{MARK} ID ARN CIPHERTEXT`; restore it"
        ) from refused


def new_line(arn: str) -> str:
    """A new key, wrapped by the KMS key of this ARN, as a line of a key file. Raises KeysUnavailable."""
    if not ARN.fullmatch(arn):
        raise KeysUnavailable(
            "KEY_ENCRYPTION_KMS_KEY is no ARN of a KMS key or alias: expected arn:aws:kms:REGION:ACCOUNT:key/ID"
        )
    key = stream.new_key()
    answer = _call("encrypt", arn, Plaintext=key)
    wrapped = base64.b64encode(answer["CiphertextBlob"]).decode()
    line = f"{MARK} {key_id(key)} {answer['KeyId']} {wrapped}"
    parsed(line, "AWS KMS").value()  # before pictures depend on it: what wraps may not be allowed to unwrap
    return line


@cache
def _client(region: str) -> Any:
    """One for each region and process: making one takes a tenth of a second. Addresses other than Amazon's come from
    boto3's own variables, such as AWS_ENDPOINT_URL_KMS."""
    try:
        import boto3
        from botocore.config import Config
    except ImportError as missing:
        raise KeysUnavailable(
            "the key file names AWS KMS, and boto3 is not installed: install requirements/cloud.txt, or build images "
            "with CLOUD=yes"
        ) from missing
    retries = {"total_max_attempts": ATTEMPTS, "mode": "standard"}
    limits = Config(connect_timeout=CONNECT_S, read_timeout=READ_S, retries=retries)
    return boto3.session.Session().client("kms", region_name=region, config=limits)


def _call(operation: str, arn: str, **arguments: Any) -> Any:
    """Raises KmsRefused, KeysUnavailable."""
    found = ARN.fullmatch(arn)
    assert found is not None
    client = _client(found[1])
    from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

    try:
        return getattr(client, operation)(KeyId=arn, EncryptionContext=CONTEXT, **arguments)
    except ClientError as answer:
        code = answer.response["Error"]["Code"]
        is_refusal = answer.response["ResponseMetadata"]["HTTPStatusCode"] < 500 and code not in THROTTLED
        if is_refusal:
            cure = CURES.get(code, "see the documentation of AWS KMS for this code")
            raise KmsRefused(f"AWS KMS refused to {operation} with {arn} ({code}): {cure}") from answer
        raise KeysUnavailable(f"AWS KMS answered {code}; {_again(arn)}") from answer
    except NoCredentialsError as missing:
        raise KeysUnavailable(f"no credentials for AWS KMS were found: {GIVE_CREDENTIALS}") from missing
    except BotoCoreError as error:
        raise KeysUnavailable(f"AWS KMS does not answer ({type(error).__name__}); {_again(arn)}") from error


def _again(arn: str) -> str:
    return (
        f"it is asked again every {PAUSE_S:.0f} s. If that goes on, look at the network between the processes and KMS, "
        f"and at the quotas of {arn}"
    )
