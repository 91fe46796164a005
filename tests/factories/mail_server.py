"""A mail server on loopback that speaks the part of SMTP (RFC 5321) that a client needs, and keeps what it took."""

from __future__ import annotations

import socketserver
import threading
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage


@dataclass
class MailServer:
    """`answers` are given to the next messages instead of "250"; `took` are the messages that were accepted."""

    port: int = 0
    answers: list[str] = field(default_factory=list)
    took: list[tuple[str, list[str], EmailMessage]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"


def serve(state: MailServer) -> socketserver.ThreadingTCPServer:
    """Starts it on a free port, which `state` then names; `shutdown` and `server_close` end it."""

    class Session(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            sender, recipients = "", list[str]()
            self._say("220 loopback")
            while line := self.rfile.readline().decode().rstrip("\r\n"):
                verb = line.upper()
                if verb.startswith(("EHLO", "HELO", "RSET")):
                    self._say("250 loopback")
                elif verb.startswith("MAIL FROM:"):
                    sender = line[10:].split()[0].strip("<>")
                    self._say("250 ok")
                elif verb.startswith("RCPT TO:"):
                    recipients.append(line[8:].split()[0].strip("<>"))
                    self._say("250 ok")
                elif verb == "DATA":
                    self._say("354 go on")
                    body = self._body()
                    answer = state.answers.pop(0) if state.answers else "250 taken"
                    if answer.startswith("250"):
                        state.took.append(
                            (sender, recipients, message_from_bytes(body, policy=policy.default))
                        )
                    sender, recipients = "", []
                    self._say(answer)
                elif verb == "QUIT":
                    self._say("221 bye")
                    return
                else:
                    self._say("502 unknown")

        def _body(self) -> bytes:
            lines = []
            while (line := self.rfile.readline()) not in (b".\r\n", b""):
                lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
            return b"".join(lines)

        def _say(self, text: str) -> None:
            self.wfile.write(f"{text}\r\n".encode())

    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Session)
    server.daemon_threads = True
    state.port = server.server_address[1]
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    return server
