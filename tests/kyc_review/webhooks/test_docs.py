import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from django.conf import LazySettings

from kyc_review.accounts.models import Integration
from kyc_review.submissions.events import event_record
from kyc_review.submissions.models import Submission
from kyc_review.webhooks import services
from kyc_review.webhooks.delivery import deliver_until_idle
from kyc_review.webhooks.models import Attempt, Kind

PAGE = Path(__file__).resolve().parents[3] / "docs" / "webhooks.md"


@pytest.mark.django_db
def test_the_receiver_of_the_documentation_verifies_what_is_sent(
    integration: Integration, submit: Callable[..., Submission], settings: LazySettings, tmp_path: Path
) -> None:
    settings.WEBHOOK_ALLOWED_HOSTS = ["127.0.0.1"]
    found = re.search(r"```python\n(.*?)```", PAGE.read_text(), re.S)
    assert found is not None
    script = tmp_path / "receiver.py"
    script.write_text(found[1])
    port = _free_port()
    _, secret = services.endpoint_create(integration=integration, url=f"http://127.0.0.1:{port}/")
    receiver = subprocess.Popen(
        [sys.executable, str(script), str(port)],
        env=os.environ | {"WEBHOOK_SECRET": secret},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        _until_it_listens(port)
        row = submit()
        event_record(submission=row, kind=Kind.CLEARED)
        deliver_until_idle()
        assert Attempt.objects.get().status == 204
        assert receiver.stdout is not None
        assert receiver.stdout.readline().startswith(f'submission.cleared {{"id": "{row.pk}"'[:30])
    finally:
        receiver.kill()
        receiver.wait()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _until_it_listens(port: int) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise TimeoutError("the receiver did not start")
