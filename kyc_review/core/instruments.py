"""Counters and durations of requests, tasks and steps of work, kept by each process while it works.

With PROMETHEUS_MULTIPROC_DIR every process of a host (or container) writes into files of its own in that folder, and
any of them reports the sums, those of processes that have ended included. Without it a process reports only itself.
Labels are names that the code knows, never what a client sent, so that the number of series is bounded.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.multiprocess import MultiProcessCollector

from kyc_review.core.folders import folder_make

if folder := os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
    folder_make(Path(folder))

own = CollectorRegistry()
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
LONG_SECONDS = (0.01, 0.05, 0.25, 1, 5, 15, 60, 300, 1800, 7200)

REQUESTS = Counter(
    "kyc_http_requests",
    "Answered requests, by the URL pattern that took them.",
    ["method", "route", "status"],
    registry=own,
)
REQUEST_SECONDS = Histogram(
    "kyc_http_request_duration_seconds",
    "From the request to the answer's headers.",
    ["method", "route"],
    buckets=SECONDS,
    registry=own,
)
TASKS = Counter("kyc_tasks", "Tasks of workers that ended.", ["task", "outcome"], registry=own)
TASK_SECONDS = Histogram(
    "kyc_task_duration_seconds", "Of one run of a task.", ["task"], buckets=LONG_SECONDS, registry=own
)
STEP_SECONDS = Histogram(
    "kyc_step_duration_seconds",
    "Of one step of a worker's work, failed or not.",
    ["step"],
    buckets=SECONDS,
    registry=own,
)
STEP_FAILURES = Counter("kyc_step_failures", "Steps that failed.", ["step"], registry=own)


class Step(StrEnum):
    """What a worker spends its time on, and for how much of it one duration stands."""

    READ = "read"  # a picture: decode, find the face, check
    VOTE = "vote"  # a batch: the ensemble and the auxiliary models
    RECORD = "record"  # a batch: verdicts, items and events, in one transaction
    EVIDENCE = "evidence"  # a picture: all forensic views
    WEBHOOK = "webhook"  # an attempt to deliver an event
    NOTICE = "notice"  # an attempt to deliver a message to people


def step_ended(step: Step, elapsed_s: float, *, failures: int = 0) -> None:
    """Count one step and its duration; failures: of what it was about, such as pictures of a batch."""
    STEP_SECONDS.labels(step.value).observe(elapsed_s)
    if failures:
        STEP_FAILURES.labels(step.value).inc(failures)


@contextmanager
def timed(step: Step) -> Iterator[None]:
    """Count the block as one step; an exception that ends it is a failure."""
    started, failures = time.perf_counter(), 1
    try:
        yield
        failures = 0
    finally:
        step_ended(step, time.perf_counter() - started, failures=failures)


def shared() -> CollectorRegistry:
    """What the processes of this host counted: their sums with a shared folder, else this process alone."""
    if not os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        return own
    sums = CollectorRegistry()
    MultiProcessCollector(sums)
    return sums
