"""`rclone serve s3` on a folder: an S3 that checks signatures and keeps objects as files, which can be compared."""

import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

RCLONE = Path(sys.executable).with_name("rclone")
BUCKET, PREFIX = "kyc", "kyc-review"
READY_TIMEOUT_S = 30


@dataclass(frozen=True)
class Bucket:
    folder: Path
    port: int
    key_id: str
    key: str

    @property
    def originals(self) -> Path:
        return self.folder / BUCKET / PREFIX / "originals"

    def settings(self, port: int) -> dict[str, str]:
        """Of a product that reaches it at this port."""
        return {
            "FILE_STORAGE": "s3",
            "OBJECT_STORAGE_URL": f"http://127.0.0.1:{port}",
            "OBJECT_STORAGE_BUCKET": BUCKET,
            "OBJECT_STORAGE_PREFIX": PREFIX,
            "OBJECT_STORAGE_REGION": "us-east-1",
            "OBJECT_STORAGE_ACCESS_KEY_ID": self.key_id,
            "OBJECT_STORAGE_SECRET_ACCESS_KEY": self.key,
        }


@contextmanager
def bucket(folder: Path) -> Iterator[Bucket]:
    """Raises OSError where rclone is missing, TimeoutError where it does not answer."""
    (folder / BUCKET).mkdir(parents=True)
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = int(free.getsockname()[1])
    made = Bucket(folder, port, secrets.token_hex(10), secrets.token_hex(20))
    listening = ["--addr", f"127.0.0.1:{port}", "--auth-key", f"{made.key_id},{made.key}"]
    command = [str(RCLONE), "serve", "s3", *listening, "--config", "", str(folder)]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        _wait(port)
        yield made
    finally:
        process.kill()
        process.wait()


def _wait(port: int) -> None:
    ends = time.monotonic() + READY_TIMEOUT_S
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            if time.monotonic() > ends:
                raise TimeoutError("rclone serve s3 does not answer") from None
            time.sleep(0.1)
