"""Verifies a submission's receipt offline: `python verify_receipt.py RECEIPT.json PUBLIC_KEY.pem...`.

For auditors: this one file, Python 3.9 and the package `cryptography` are all that is needed. It checks that each event
is, word for word, in a batch whose header was signed with one of the keys (RFC 9162, 2.1.3.2), and that it is about the
submission that the receipt names; it prints the events, and what the receipt does not prove. Exit status 1 when
anything does not fit. docs/audit.md describes the format.
"""

import json
import sys
from hashlib import sha256
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

FORMAT = "kyc-review-receipt/1"


def root_from_proof(leaf: bytes, index: int, size: int, proof: "list[bytes]") -> "bytes | None":
    """The root that the proof leads to from leaf `index` of `size`; None when its length does not fit."""
    if not 0 <= index < size:
        return None
    node, last, found = index, size - 1, leaf
    for neighbour in proof:
        if last == 0:
            return None
        if node % 2 or node == last:
            found = sha256(b"\x01" + neighbour + found).digest()
            while node % 2 == 0 and node:
                node, last = node >> 1, last >> 1
        else:
            found = sha256(b"\x01" + found + neighbour).digest()
        node, last = node >> 1, last >> 1
    return found if last == 0 else None


def problems(receipt: dict, keys: "list[Ed25519PublicKey]") -> "list[str]":
    """What does not fit; empty for a valid receipt. Raises KeyError, TypeError or ValueError for another format."""
    if receipt["format"] != FORMAT:
        raise ValueError(f"the format is {receipt['format']!r}, not {FORMAT!r}")
    found = []
    batches = {}
    for batch in receipt["batches"]:
        header = json.loads(batch["header"])
        batches[header["batch"]] = header
        if not any(_is_signed(batch, key) for key in keys):
            found.append(f"batch {header['batch']} is signed with none of these keys")
    if not receipt["events"]:
        found.append("the receipt proves no event")
    texts = [event["event"] for event in receipt["events"]]
    found += [
        f"event {_read(text)['id']} is listed twice" for text in sorted(set(texts)) if texts.count(text) > 1
    ]
    if texts and not any(_submissions(_read(text)) for text in texts):
        found.append(f"no event names submission {receipt['submission']}")
    for event in receipt["events"]:
        told = _read(event["event"])
        names = _submissions(told)
        if names and receipt["submission"] not in names:
            found.append(
                f"event {told['id']} is about submission {' and '.join(names)}, not {receipt['submission']}"
            )
        batch = batches.get(event["batch"])
        leaf = sha256(b"\x00" + event["event"].encode()).digest()
        proof = [bytes.fromhex(text) for text in event["proof"]]
        root = batch and root_from_proof(leaf, event["index"], batch["size"], proof)
        if not batch or not root or root.hex() != batch["root"]:
            found.append(f"event {told['id']} is not in batch {event['batch']} as it is written here")
    return found


def _read(text: str) -> dict:
    """Of a number that Python does not read (more than 4300 digits), its text."""
    read: dict = json.loads(text, parse_int=lambda digits: int(digits) if len(digits) < 4000 else digits)
    return read


def _submissions(told: dict) -> "list[str]":
    """What the event is about: its target, or in its detail the submission of its item. A planted forgery belongs to
    two: what it is, and what it was made of."""
    if told["target_kind"] == "submission":
        return [told["target_id"]]
    detail = told["detail"] if isinstance(told["detail"], dict) else {}
    sources = ["source"] if told["target_kind"] == "plantedforgery" else []
    return [
        detail[name]
        for name in ["submission", *sources]
        if isinstance(detail.get(name), str) and detail[name]
    ]


def not_proven(receipt: dict) -> "list[str]":
    """What a valid receipt leaves open, in words."""
    events = [_read(event["event"]) for event in receipt["events"]]
    left = [
        f"that event {told['id']} ({told['action']}) is about this submission: it names only {told['target_kind']} "
        f"{told['target_id']}, as events of earlier versions do"
        for told in events
        if not _submissions(told)
    ]
    if not any(told["action"] == "submission.received" for told in events):
        left.append("when and with which picture it was posted: there is no event submission.received")
    unsealed = f" (its maker says that {receipt['unsealed']} were not sealed yet)"
    left.append(
        "that there are no other events: some may have been left out"
        f"{unsealed if receipt['unsealed'] else ''}. Compare it with an export of the audit log, or with another copy"
    )
    return left


def _is_signed(batch: dict, key: Ed25519PublicKey) -> bool:
    try:
        key.verify(bytes.fromhex(batch["signature"]), batch["header"].encode())
    except InvalidSignature:
        return False
    return True


def main(arguments: "list[str]") -> int:
    if len(arguments) < 2:
        print("usage: verify_receipt.py RECEIPT.json PUBLIC_KEY.pem...", file=sys.stderr)
        return 2
    try:
        receipt = json.loads(Path(arguments[0]).read_text(encoding="utf-8"))
        keys = [load_pem_public_key(Path(path).read_bytes()) for path in arguments[1:]]
        if not all(isinstance(key, Ed25519PublicKey) for key in keys):
            raise ValueError("a key is no Ed25519 public key")
        found = problems(receipt, [key for key in keys if isinstance(key, Ed25519PublicKey)])
    except (OSError, KeyError, TypeError, ValueError) as refused:
        print(f"error: this cannot be checked: {refused!r}", file=sys.stderr)
        return 1
    for text in found:
        print(f"INVALID: {text}")
    if found:
        return 1
    for event in receipt["events"]:
        told = _read(event["event"])
        about = f"{told['target_kind']} {told['target_id']}"
        print(
            f"{told['at']}  {told['action']}  {told['actor_kind']} {told['actor_name']}  {about}  {told['detail']}"
        )
    named = sum(bool(_submissions(_read(event["event"]))) for event in receipt["events"])
    print(
        f"VALID: {len(receipt['events'])} sealed events, {named} of which name submission {receipt['submission']}."
    )
    for text in not_proven(receipt):
        print(f"NOT PROVEN: {text}.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
