"""Log lines with the id of the request or task: JSON for machines, text for a console.

What strangers send may be part of a message, so no character of it can begin a line or turn the reading direction: JSON
escapes all that is not ASCII, text what `escaped` names, and lines of tracebacks are indented.
"""

import logging
import unicodedata
from typing import Any

import structlog
from structlog.typing import Processor

from kyc_review.core.error_texts import without_rows


def formatter(form: str) -> logging.Formatter:
    """`json` or `text`. Raises ValueError for another word."""
    if form not in ("json", "text"):
        raise ValueError("LOG_FORMAT must be json or text")
    found_out: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(allow=("status", "elapsed_ms", "user", "key")),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _without_rows,
    ]
    last: Processor = _line if form == "text" else structlog.processors.JSONRenderer()
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=found_out,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, last],
    )


def _without_rows(_logger: Any, _method: str, event: Any) -> Any:
    for name in ("event", "exception"):
        if isinstance(text := event.get(name), str):
            event[name] = without_rows(text)
    return event


def says_more_than_the_request_line(record: logging.LogRecord) -> bool:
    """False for Django's own line about an answer of 500 or above without an exception: the request's line has it all.

    A server that refuses a flood because it is busy would otherwise write two lines for each refusal. A refusal (403,
    404 ...) keeps its reason, in the same line instead of a traceback: it is no fault of the code.
    """
    status = getattr(record, "status_code", 0)
    if status < 500 and record.exc_info:
        reason = str(record.exc_info[1])
        record.msg, record.args = "%s: %s", (record.getMessage(), reason[:300])
        record.exc_info = None
    return bool(record.exc_info) or status < 500


# Control and format characters (newlines, bidirectional marks), line separators, halves of surrogates.
FORGING = {"Cc", "Cf", "Cs", "Zl", "Zp"}


def escaped(text: str) -> str:
    """Without characters that could forge a line or change how it reads: each becomes its Python escape."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        c.encode("unicode_escape").decode() if unicodedata.category(c) in FORGING else c for c in text
    )


def _line(_logger: Any, _method: str, event: Any) -> str:
    """2026-11-21T09:30:00.000000Z INFO kyc_review.scoring: the message (request_id=...)"""
    said = dict(event)
    trace = said.pop("exception", "")
    head = f"{said.pop('timestamp')} {said.pop('level').upper()} {said.pop('logger')}: {said.pop('event')}"
    rest = " ".join(f"{name}={value}" for name, value in said.items())
    lines = [head + (f" ({rest})" if rest else ""), *(f"  {line}" for line in trace.split("\n") if trace)]
    return "\n".join(map(escaped, lines))
