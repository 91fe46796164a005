"""OpenTelemetry traces from the post of a selfie to its webhook; off without OTEL_EXPORTER_OTLP_ENDPOINT.

Rows carry a trace through the queue, as they carry the work: the code that writes the row keeps `traceparent()`, and
the worker that takes it continues there. Messages carry none, because one message wakes a worker for many rows.
Attributes are given here by name and hold no person, reference, path or text of an exception; that is why the spans are
our own and not those of automatic instrumentation, which takes addresses and paths.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING, Any

from django.conf import settings
from structlog.contextvars import bound_contextvars

if TYPE_CHECKING:  # nothing of it is loaded while traces are off
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span, Tracer

HEADER = "traceparent"
LENGTH = 55  # W3C Trace Context, version 00
Attributes = Mapping[str, str | int | bool]


class Kind(StrEnum):
    INTERNAL = "INTERNAL"
    SERVER = "SERVER"
    CLIENT = "CLIENT"
    CONSUMER = "CONSUMER"


def is_on() -> bool:
    return bool(settings.TRACES_ENDPOINT)


@cache
def provider() -> TracerProvider:
    """One for each process, made at its first span and so after any fork; what waits is sent at exit."""
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    resource = Resource.create({"service.name": settings.TRACES_SERVICE, "service.version": settings.RELEASE})
    made = TracerProvider(resource=resource)
    endpoint = settings.TRACES_ENDPOINT.rstrip("/") + "/v1/traces"
    made.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint)))
    return made


def _tracer() -> Tracer:
    return provider().get_tracer("kyc_review")


def _parent(traceparent: str) -> Context | None:
    """None, and so the current span if there is one, for an empty text."""
    if not traceparent:
        return None
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    return TraceContextTextMapPropagator().extract({HEADER: traceparent})


def traceparent() -> str:
    """Of the current span, to be kept in a row or sent in a header; empty outside of one and while traces are off."""
    if not is_on():
        return ""
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    carrier: dict[str, str] = {}
    TraceContextTextMapPropagator().inject(carrier)
    return carrier.get(HEADER, "")


def trace_id_of(text: str) -> str:
    """The 32 hexadecimal digits in a `traceparent`; empty without one."""
    return text[3:35] if len(text) == LENGTH else ""


@contextmanager
def span(
    name: str, *, kind: Kind = Kind.INTERNAL, parent: str = "", attributes: Attributes | None = None
) -> Iterator[Span | None]:
    """A span around the block, whose log lines have its `trace_id`; an exception marks it failed, without its text.

    parent: a `traceparent`; empty continues the current span, or begins a trace. Yields None while traces are off.
    """
    if not is_on():
        yield None
        return
    from opentelemetry.trace import SpanKind, StatusCode

    with (
        _tracer().start_as_current_span(
            name,
            context=_parent(parent),
            kind=SpanKind[kind.value],
            attributes=dict(attributes or {}),
            record_exception=False,
            set_status_on_exception=False,
        ) as current,
        bound_contextvars(trace_id=f"{current.get_span_context().trace_id:032x}"),
    ):
        try:
            yield current
        except BaseException:
            current.set_status(StatusCode.ERROR)
            raise


def span_record(
    name: str, *, parent: str, began_ns: int, failed: bool = False, attributes: Attributes | None = None
) -> None:
    """A span of work that has just ended, begun at `began_ns` (time.time_ns()), such as one picture's of a batch."""
    if not is_on() or not parent:
        return
    from opentelemetry.trace import SpanKind, StatusCode

    done = _tracer().start_span(
        name,
        context=_parent(parent),
        kind=SpanKind.CONSUMER,
        start_time=began_ns,
        attributes=dict(attributes or {}),
    )
    if failed:
        done.set_status(StatusCode.ERROR)
    done.end()


def fail(current: Span | None) -> None:
    """Mark a span failed whose block raises nothing."""
    if current is not None:
        from opentelemetry.trace import StatusCode

        current.set_status(StatusCode.ERROR)


def logged(traceparent_of_row: str) -> AbstractContextManager[Any]:
    """Log lines of the block have the trace id of a row, also where traces are off by now."""
    found = trace_id_of(traceparent_of_row)
    return bound_contextvars(trace_id=found) if found else nullcontext()
