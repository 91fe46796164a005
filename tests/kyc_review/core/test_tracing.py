from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from kyc_review.accounts.models import Integration
from kyc_review.core import tracing
from kyc_review.pipeline import worker
from kyc_review.registry.bundles import bundle_promote, bundle_register
from kyc_review.registry.models import Bundle
from kyc_review.submissions.models import Submission
from kyc_review.webhooks.delivery import deliver_until_idle
from kyc_review.webhooks.services import endpoint_create
from tests.factories.bundles import tiny_bundle
from tests.factories.portraits import portrait_bytes
from tests.factories.receivers import Receiver

CALLER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
TRACE_ID = CALLER[3:35]
NAMES = {
    "http.request.method", "http.route", "http.response.status_code", "kyc.batch_size",
}  # fmt: skip


@pytest.fixture
def collector(receiver: Receiver, settings: Any) -> Iterator[Callable[[], list[Span]]]:
    """Traces go to a real OTLP receiver on loopback; returns the spans that came. The receiver takes webhooks, too."""
    receiver.status = 200
    settings.TRACES_ENDPOINT = f"http://127.0.0.1:{receiver.port}"
    tracing.provider.cache_clear()

    def spans() -> list[Span]:
        tracing.provider().force_flush()
        exported = [ExportTraceServiceRequest.FromString(body) for _, body in traces(receiver)]
        return [
            span
            for one in exported
            for resource in one.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    yield spans
    tracing.provider().shutdown()
    tracing.provider.cache_clear()


def traces(receiver: Receiver) -> list[tuple[dict[str, str], bytes]]:
    return [one for one in receiver.seen if one[0]["path"] == "/v1/traces"]


@pytest.mark.django_db(transaction=True)
def test_one_trace_leads_from_the_post_over_the_verdict_to_the_webhook(
    api: Client,
    integration: Integration,
    collector: Callable[[], list[Span]],
    receiver: Receiver,
    settings: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("kyc_review.pipeline.champion._loaded", None)
    settings.SCORING_DEVICE = "cpu"
    tiny_bundle(tmp_path / "tiny", version="tiny-1", seed=0)
    bundle_promote(actor=None, bundle=bundle_register(path=tmp_path / "tiny", source=Bundle.Source.TRAINED))
    endpoint_create(integration=integration, url=receiver.url)
    answer = api.post(
        "/api/v1/submissions?wait=0",
        {
            "image": SimpleUploadedFile("ada.jpg", portrait_bytes()),
            "external_ref": "customer-4711",
            "applicant_ref": "ada.lovelace",
        },
        headers={"traceparent": CALLER, "Idempotency-Key": "once-and-only"},
    )
    assert answer.status_code == 202, answer.content
    row = Submission.objects.get()
    assert tracing.trace_id_of(row.traceparent) == TRACE_ID
    assert worker.run_until_idle() == 1
    assert deliver_until_idle() == 1

    spans = {span.name: span for span in collector() if span.trace_id.hex() == TRACE_ID}
    assert set(spans) == {"POST api/v1/submissions", "scoring", "POST webhook"}
    post = spans["POST api/v1/submissions"]
    assert post.parent_span_id.hex() == CALLER[36:52]
    assert spans["scoring"].parent_span_id == spans["POST webhook"].parent_span_id == post.span_id
    (sent,) = [head for head, _ in receiver.seen if head["path"].startswith("/hooks")]
    assert sent["traceparent"] == f"00-{TRACE_ID}-{spans['POST webhook'].span_id.hex()}-01"
    assert post.start_time_unix_nano < spans["scoring"].start_time_unix_nano
    for span in spans.values():
        assert {attribute.key for attribute in span.attributes} <= NAMES
        assert span.end_time_unix_nano > span.start_time_unix_nano
    told = b"".join(body for _, body in traces(receiver))
    for personal in (b"4711", b"lovelace", b"ada.jpg", b"wait=0", str(row.pk).encode()):
        assert personal not in told


def test_an_error_marks_its_span_and_tells_nothing_of_its_text(
    collector: Callable[[], list[Span]], receiver: Receiver
) -> None:
    with pytest.raises(ValueError), tracing.span("work"):
        raise ValueError("ada.lovelace")
    (span,) = collector()
    assert (span.status.code, span.status.message, list(span.events)) == (2, "", [])


def test_a_damaged_header_begins_a_trace_of_its_own(
    client: Client, collector: Callable[[], list[Span]]
) -> None:
    client.get("/docs/openapi.yaml", headers={"traceparent": "00-ada.lovelace"})
    (span,) = collector()
    assert span.parent_span_id == b""
    assert span.name == "GET docs/openapi.yaml"


def test_a_collector_that_does_not_answer_disturbs_nothing(
    client: Client, collector: Callable[[], list[Span]], receiver: Receiver
) -> None:
    receiver.status = 400
    assert client.get("/docs/openapi.yaml").status_code == 200
    collector()
