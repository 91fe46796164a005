"""A security key in software, apart from the product: it makes keys and signs challenges as WebAuthn says."""

import hashlib
import json
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from fido2 import cbor


def _text(raw: bytes) -> str:
    return urlsafe_b64encode(raw).decode().rstrip("=")


class SecurityKey:
    """One credential. A test may change `origin`, `counter`, and whether the person was verified."""

    def __init__(self, origin: str = "http://testserver", rp_id: str = "testserver") -> None:
        self.origin, self.rp_id, self.counter, self.is_verified = origin, rp_id, 0, True
        self.private = ec.generate_private_key(ec.SECP256R1())
        self.identity = secrets.token_bytes(16)

    def create(self, options: dict[str, Any]) -> str:
        point = self.private.public_key().public_numbers()
        key = {1: 2, 3: -7, -1: 1, -2: point.x.to_bytes(32, "big"), -3: point.y.to_bytes(32, "big")}
        length = len(self.identity).to_bytes(2, "big")
        attested = bytes(16) + length + self.identity + cbor.encode(key)
        made = {"fmt": "none", "attStmt": {}, "authData": self._data(0x40) + attested}
        return self._answer(
            attestationObject=cbor.encode(made), clientDataJSON=self._client("create", options)
        )

    def sign(self, options: dict[str, Any]) -> str:
        self.counter += 1
        client, data = self._client("get", options), self._data(0)
        signature = self.private.sign(data + hashlib.sha256(client).digest(), ec.ECDSA(SHA256()))
        return self._answer(clientDataJSON=client, authenticatorData=data, signature=signature)

    def _data(self, flags: int) -> bytes:
        flags |= 0x05 if self.is_verified else 0x01
        return hashlib.sha256(self.rp_id.encode()).digest() + bytes([flags]) + self.counter.to_bytes(4, "big")

    def _client(self, kind: str, options: dict[str, Any]) -> bytes:
        said = {"type": f"webauthn.{kind}", "challenge": options["challenge"], "origin": self.origin}
        urlsafe_b64decode(options["challenge"] + "==")
        return json.dumps(said).encode()

    def _answer(self, **response: bytes) -> str:
        parts = {name: _text(raw) for name, raw in response.items()}
        identity = _text(self.identity)
        return json.dumps({"id": identity, "rawId": identity, "type": "public-key", "response": parts})
