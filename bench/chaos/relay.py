"""A TCP relay on loopback that can be slow, silent or cut: the network between a process and a service.

No proxy for such tests is in the registries of Python or Debian (Toxiproxy is neither), and `tc` needs rights that
containers lack.
"""

import asyncio
import socket
import struct
import threading
from enum import Enum

CHUNK_BYTES = 65_536
LOOK_AGAIN_S = 0.02
RESET = struct.pack("ii", 1, 0)  # closing sends RST instead of FIN


class Line(Enum):
    OPEN = "open"
    SILENT = "silent"  # connections stay, nothing passes
    CUT = "cut"  # connections are reset, new ones too


class Relay:
    """Listens on `port`; other threads set `line` and `delay_s` (before each chunk, in both directions)."""

    def __init__(self, name: str, host: str, to_port: int) -> None:
        self.name, self.line, self.delay_s = name, Line.OPEN, 0.0
        self._to = host, to_port
        self._ready = threading.Event()
        self.port = 0
        threading.Thread(target=lambda: asyncio.run(self._serve()), name=f"relay {name}", daemon=True).start()
        self._ready.wait(10)

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._relayed, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await server.serve_forever()

    async def _relayed(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers = [writer]
        try:
            await self._may_pass()
            far_reader, far_writer = await asyncio.open_connection(*self._to)
            writers.append(far_writer)
            pumps = [
                asyncio.create_task(self._pump(reader, far_writer)),
                asyncio.create_task(self._pump(far_reader, writer)),
                asyncio.create_task(self._until_cut()),
            ]
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
        except OSError:
            pass  # the far side is down, or the line is cut
        finally:
            for one in writers:
                if self.line is Line.CUT:
                    one.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                one.close()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while chunk := await reader.read(CHUNK_BYTES):
            await asyncio.sleep(self.delay_s)
            await self._may_pass()
            writer.write(chunk)
            await writer.drain()

    async def _may_pass(self) -> None:
        while self.line is Line.SILENT:
            await asyncio.sleep(LOOK_AGAIN_S)
        if self.line is Line.CUT:
            raise ConnectionResetError

    async def _until_cut(self) -> None:
        while self.line is not Line.CUT:
            await asyncio.sleep(LOOK_AGAIN_S)
