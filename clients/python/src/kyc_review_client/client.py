"""The API's operations as methods."""

from __future__ import annotations

import json
import os
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, TypeVar, Union

from kyc_review_client.errors import WaitTimeout
from kyc_review_client.models import Delivery, Erasure, Event, Key, Outcome, Submission, WebhookEndpoint
from kyc_review_client.transport import Transport

# A path, the bytes themselves, or an open file or stream.
Image = Union[str, "os.PathLike[str]", bytes, BinaryIO]
Read = TypeVar("Read")
LONGEST_HOLD_S = 10  # the server's


class Client:
    """One integration's access. Safe to share between threads.

    `url`: the server, such as https://kyc.bank.example; `key`: kyc_live_... or kyc_test_... (the sandbox).
    Requests that fail in passing (429, 503, a lost or torn answer) are repeated up to `retries` times.
    `timeout_s`: of one attempt, from connecting to the last byte of the answer, plus the `wait_s` asked for.
    """

    def __init__(
        self,
        url: str,
        key: str,
        *,
        timeout_s: float = 30,
        retries: int = 4,
        longest_pause_s: float = 60,
        ca_certs: str | None = None,
    ) -> None:
        self._transport = Transport(
            url, key, timeout_s=timeout_s, retries=retries, longest_pause_s=longest_pause_s, ca_certs=ca_certs
        )

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._transport.close()

    def me(self) -> Key:
        """What the key is and may do: a first call that tells whether it works."""
        return self._sent(Key.of, "GET", "/me")

    def create_submission(
        self,
        image: Image,
        *,
        external_ref: str,
        applicant_ref: str = "",
        metadata: Mapping[str, Any] | None = None,
        reference_image: Image | None = None,
        idempotency_key: str | None = None,
        wait_s: float = 0,
    ) -> Submission:
        """Post a selfie. Once it returns, the picture is stored durably.

        `idempotency_key`: your own value for this attempt, kept with the application, makes even a program that was
        restarted post it once; without one, only the retries of this call are recognised. `wait_s`: how long the server
        may hold the answer back for a verdict (at most 10 s).
        """
        form: dict[str, Any] = {"external_ref": external_ref, "image": _file(image)}
        if applicant_ref:
            form["applicant_ref"] = applicant_ref
        if metadata:
            form["metadata"] = json.dumps(metadata)
        if reference_image is not None:
            form["reference_image"] = _file(reference_image)
        key = idempotency_key or str(uuid.uuid4())
        return self._sent(Submission.of, "POST", "/submissions", form=form, key=key, hold_s=_held(wait_s))

    def submission(self, submission_id: str, *, wait_s: float = 0) -> Submission:
        """Read a submission. `wait_s`: how long the server may hold the answer back until it is scored."""
        return self._sent(Submission.of, "GET", f"/submissions/{submission_id}", hold_s=_held(wait_s))

    def wait_for_result(self, submission_id: str, *, timeout_s: float = 60) -> Submission:
        """The submission as soon as it is completed or cancelled. Raises WaitTimeout.

        A person may need minutes or hours: use a webhook in production.
        """
        path, ends, pause_s, tag = f"/submissions/{submission_id}", time.monotonic() + timeout_s, 0.5, ""
        while True:
            started = time.monotonic()
            headers = {"If-None-Match": tag} if tag else {}
            hold_s = _held(ends - started)
            answer = self._transport.send("GET", path, headers=headers, read=Submission.of, hold_s=hold_s)
            if answer.status != 304:
                tag, found = answer.headers.get("ETag", ""), answer.value
                if isinstance(found, Submission) and found.is_final:
                    return found
            left_s = ends - time.monotonic()
            if left_s <= 0:
                raise WaitTimeout(f"{submission_id} has no result after {timeout_s:g} s.")
            if (
                time.monotonic() - started < pause_s
            ):  # the server holds no more answers back, or it changed at once
                time.sleep(min(pause_s, left_s))
                pause_s = min(pause_s * 1.5, LONGEST_HOLD_S)

    def submissions(
        self,
        *,
        status: str | None = None,
        result: str | None = None,
        external_ref: str | None = None,
        applicant_ref: str | None = None,
        received_from: datetime | None = None,
        received_before: datetime | None = None,
        completed_from: datetime | None = None,
        completed_before: datetime | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> Iterator[Submission]:
        """Every submission that the filters find, newest first; pages are read as you go on.

        `metadata`: up to five names and their exact values.
        """
        filters = {
            "status": status,
            "result": result,
            "external_ref": external_ref,
            "applicant_ref": applicant_ref,
            "received_from": _iso(received_from),
            "received_before": _iso(received_before),
            "completed_from": _iso(completed_from),
            "completed_before": _iso(completed_before),
            "metadata": json.dumps(metadata) if metadata else None,
        }
        return self._pages(Submission.of, "/submissions", filters)

    def image(self, submission_id: str) -> bytes:
        """The picture as it was posted. The key needs the scope `submissions:pictures`."""
        return self._transport.send("GET", f"/submissions/{submission_id}/image").body

    def reference_image(self, submission_id: str) -> bytes:
        """Raises NotFound when there is none. The key needs the scope `submissions:pictures`."""
        return self._transport.send("GET", f"/submissions/{submission_id}/reference-image").body

    def cancel_submission(self, submission_id: str) -> Submission:
        """Raises Conflict when it has a result."""
        return self._sent(Submission.of, "POST", f"/submissions/{submission_id}/cancel")

    def appeal(self, submission_id: str, reason: str, *, idempotency_key: str | None = None) -> None:
        """Ask for another look at a `rejected` or `resubmit`, once.

        Raises Conflict: `appeal_refused`, or `appeal_not_yet` (ask again in an hour).
        """
        key = idempotency_key or str(uuid.uuid4())
        self._sent(dict, "POST", f"/submissions/{submission_id}/appeal", data={"reason": reason}, key=key)

    def erase_submission(self, submission_id: str, *, reason: str | None = None) -> None:
        """Delete the picture and what was derived from it. The key needs the scope `submissions:erase`."""
        self._transport.send("DELETE", f"/submissions/{submission_id}", query={"reason": reason})

    def erase_by_applicant_ref(self, applicant_ref: str, *, reason: str | None = None) -> Erasure:
        """Delete up to a hundred submissions of a person; repeat it while the answer has `has_more`.

        `failed` of the answer names those that could not be erased now. The key needs the scope `submissions:erase`.
        """
        query = {"applicant_ref": applicant_ref, "reason": reason}
        return self._sent(Erasure.of, "DELETE", "/submissions", query=query)

    def report_outcome(
        self, submission_id: str, outcome: str, *, note: str = "", idempotency_key: str | None = None
    ) -> Outcome:
        """`outcome`: confirmed_fraud or confirmed_genuine; models and reviewers are measured against it."""
        path, data = f"/submissions/{submission_id}/outcome", {"outcome": outcome, "note": note}
        key = idempotency_key or str(uuid.uuid4())
        return self._sent(Outcome.of, "POST", path, data=data, key=key)

    def outcome(self, submission_id: str) -> Outcome:
        """The latest report. Raises NotFound when there is none."""
        return self._sent(Outcome.of, "GET", f"/submissions/{submission_id}/outcome")

    def events(self, *, after: str | None = None) -> Iterator[Event]:
        """What happened after the event with this id, oldest first, up to now. Keep the last id for the next time."""
        return self._pages(lambda one: Event.of(one, one["id"]), "/events", {"after": after})

    def create_webhook_endpoint(
        self,
        url: str,
        *,
        events: Iterable[str] | None = None,
        description: str = "",
        include_external_ref: bool = False,
        idempotency_key: str | None = None,
    ) -> WebhookEndpoint:
        """Its `secret` is in this answer only. `include_external_ref`: messages carry your reference.

        `idempotency_key`: with one of your own, a repetition within 24 hours returns the same endpoint and secret.
        """
        data: dict[str, Any] = {
            "url": url,
            "description": description,
            "include_external_ref": include_external_ref,
        }
        if events is not None:
            data["events"] = list(events)
        key = idempotency_key or str(uuid.uuid4())
        return self._sent(WebhookEndpoint.of, "POST", "/webhook-endpoints", data=data, key=key)

    def webhook_endpoints(self) -> list[WebhookEndpoint]:
        return self._sent(
            lambda found: [WebhookEndpoint.of(one) for one in found["data"]], "GET", "/webhook-endpoints"
        )

    def webhook_endpoint(self, endpoint_id: str) -> WebhookEndpoint:
        return self._sent(WebhookEndpoint.of, "GET", f"/webhook-endpoints/{endpoint_id}")

    def update_webhook_endpoint(
        self,
        endpoint_id: str,
        *,
        url: str | None = None,
        events: Iterable[str] | None = None,
        description: str | None = None,
        include_external_ref: bool | None = None,
        active: bool | None = None,
    ) -> WebhookEndpoint:
        """Change what is given; `active=False` pauses the endpoint, `active=True` switches it on again."""
        given = {
            "url": url,
            "events": None if events is None else list(events),
            "description": description,
            "include_external_ref": include_external_ref,
            "active": active,
        }
        data = {name: value for name, value in given.items() if value is not None}
        return self._sent(WebhookEndpoint.of, "PATCH", f"/webhook-endpoints/{endpoint_id}", data=data)

    def rotate_webhook_secret(self, endpoint_id: str, *, idempotency_key: str | None = None) -> str:
        """The new secret, shown once. For 24 hours messages carry the signature of the previous one, too."""
        key = idempotency_key or str(uuid.uuid4())
        return self._sent(
            lambda found: str(found["secret"]), "POST", f"/webhook-endpoints/{endpoint_id}/secret", key=key
        )

    def delete_webhook_endpoint(self, endpoint_id: str) -> None:
        self._transport.send("DELETE", f"/webhook-endpoints/{endpoint_id}")

    def send_test_webhook(self, endpoint_id: str) -> Delivery:
        """Queue a `webhook.test`; `webhook_deliveries` tells what came back."""
        return self._sent(Delivery.of, "POST", f"/webhook-endpoints/{endpoint_id}/test")

    def webhook_deliveries(self, endpoint_id: str, *, state: str | None = None) -> Iterator[Delivery]:
        path = f"/webhook-endpoints/{endpoint_id}/deliveries"
        return self._pages(Delivery.of, path, {"state": state})

    def webhook_delivery(self, delivery_id: str) -> Delivery:
        return self._sent(Delivery.of, "GET", f"/webhook-deliveries/{delivery_id}")

    def replay_webhook_delivery(self, delivery_id: str) -> Delivery:
        """Send it again under the same `webhook-id`. Raises Conflict while it is in progress or the endpoint is off."""
        return self._sent(Delivery.of, "POST", f"/webhook-deliveries/{delivery_id}/replay")

    def _sent(self, read: Callable[[Any], Read], method: str, path: str, **sent: Any) -> Read:
        value: Read = self._transport.send(method, path, read=read, **sent).value
        return value

    def _pages(self, read: Callable[[Any], Read], path: str, filters: Mapping[str, Any]) -> Iterator[Read]:
        asked = dict(filters)
        while True:
            page = self._sent(partial(_page, read, asked.get("after")), "GET", path, query=asked)
            yield from page[0]
            if page[1] is None:
                return
            asked["after"] = page[1]


def _page(read: Callable[[Any], Read], after: str | None, page: Any) -> tuple[list[Read], str | None]:
    """The items and where the next page begins. Raises ValueError for a next page that would lead round in a circle."""
    following = page["next"] if page["has_more"] else None
    if page["has_more"] and (not isinstance(following, str) or following == after):
        raise ValueError("the next page is missing")
    return [read(one) for one in page["data"]], following


def _file(image: Image) -> tuple[str, bytes, str]:
    """Name, content and type of a part of the form. The content decides the format, whatever the name."""
    if isinstance(image, bytes):
        return "image", image, "application/octet-stream"
    if isinstance(image, (str, os.PathLike)):
        path = Path(image)
        return path.name, path.read_bytes(), "application/octet-stream"
    return "image", image.read(), "application/octet-stream"


def _held(wait_s: float) -> float:
    return max(0.0, min(wait_s, LONGEST_HOLD_S))


def _iso(moment: datetime | None) -> str | None:
    """Raises ValueError for a time without a zone, which would mean another moment to the server."""
    if moment is not None and moment.tzinfo is None:
        raise ValueError("Give the time a zone, such as datetime.timezone.utc.")
    return None if moment is None else moment.isoformat()
