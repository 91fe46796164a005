"""Log lines with the id of the request or task: JSON for machines, text for a console."""

import logging
from typing import Any

import structlog
from structlog.typing import Processor


def formatter(form: str) -> logging.Formatter:
    """`json` or `text`. Raises ValueError for another word."""
    if form not in ("json", "text"):
        raise ValueError("LOG_FORMAT must be json or text")
    found_out: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(allow=("status", "elapsed_ms")),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    last: Processor = _line if form == "text" else structlog.processors.JSONRenderer()
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=found_out,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, last],
    )


def says_more_than_the_request_line(record: logging.LogRecord) -> bool:
    """False for Django's own line about an answer of 500 or above without an exception: the request's line has it all.

    A server that refuses a flood because it is busy would otherwise write two lines for each refusal.
    """
    return bool(record.exc_info) or getattr(record, "status_code", 0) < 500


def _line(_logger: Any, _method: str, event: Any) -> str:
    """2026-11-21T09:30:00.000000Z INFO kyc_review.scoring: the message (request_id=...)"""
    said = dict(event)
    head = f"{said.pop('timestamp')} {said.pop('level').upper()} {said.pop('logger')}: {said.pop('event')}"
    trace = said.pop("exception", "")
    rest = " ".join(f"{name}={value}" for name, value in said.items())
    return head + (f" ({rest})" if rest else "") + (f"\n{trace}" if trace else "")
