"""Acts as an onboarding system: posts selfies to the REST API and reads their results."""

import http.client
import json
import secrets
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

TIMEOUT_S = 30


class ApiRefused(RuntimeError):
    """The API refused a request; one line with the reason."""


class ApiClient:
    """One connection to the API at `address`, for example http://127.0.0.1:8000."""

    def __init__(self, address: str, key: str) -> None:
        parts = urlsplit(address)
        self._connection = http.client.HTTPConnection(
            parts.hostname or "127.0.0.1", parts.port, timeout=TIMEOUT_S
        )
        self._headers = {"Authorization": f"Bearer {key}"}

    def post(self, image: Path, *, external_ref: str, applicant_ref: str = "") -> str:
        """Post one selfie; returns the submission's id. Raises ApiRefused."""
        body, content_type = multipart(image, {"external_ref": external_ref, "applicant_ref": applicant_ref})
        headers = {"Content-Type": content_type, "Idempotency-Key": secrets.token_hex(16)}
        return str(self._ask("POST", "/api/v1/submissions", body, headers)["id"])

    def status(self, submission_id: str) -> str:
        """`received`, `scoring`, `in_review` or `completed`. Raises ApiRefused."""
        return str(self._ask("GET", f"/api/v1/submissions/{submission_id}")["status"])

    def _ask(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> Any:
        try:
            self._connection.request(method, path, body, self._headers | (headers or {}))
            response = self._connection.getresponse()
            answer = response.read()
        except (OSError, http.client.HTTPException) as failed:
            raise ApiRefused(f"{method} {path}: no answer ({failed or type(failed).__name__})") from failed
        try:
            found = json.loads(answer)
        except ValueError:
            found = {}
        if response.status >= 300:
            raise ApiRefused(f"{method} {path}: {response.status} {found.get('detail', response.reason)}")
        return found


def multipart(image: Path, fields: dict[str, str]) -> tuple[bytes, str]:
    """Body and content type of a form with these fields and the file `image` (RFC 7578)."""
    boundary = secrets.token_hex(16)
    lines = []
    for name, text in fields.items():
        lines += [f"--{boundary}", f'Content-Disposition: form-data; name="{name}"', "", text]
    lines += [f"--{boundary}", f'Content-Disposition: form-data; name="image"; filename="{image.name}"']
    lines += ["Content-Type: image/jpeg", "", ""]
    body = "\r\n".join(lines).encode() + image.read_bytes() + f"\r\n--{boundary}--\r\n".encode()
    return body, f"multipart/form-data; boundary={boundary}"
