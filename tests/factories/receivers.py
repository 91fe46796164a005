"""What a webhook receiver answers, and what it got."""

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass
class Receiver:
    """Answers `status` to every POST and keeps what it got."""

    port: int = 0
    status: int = 204
    headers: dict[str, str] = field(default_factory=dict)
    pause_s: float = 0.0
    on_post: Callable[[], None] = lambda: None
    seen: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hooks?source=kyc"
