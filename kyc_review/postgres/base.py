import select

from django.db.backends.postgresql import base
from psycopg.pq import ConnStatus


class DatabaseWrapper(base.DatabaseWrapper):
    def is_usable(self) -> bool:
        """Asked before each request: does the kept connection still live?

        Django asks the server (`SELECT 1`): a round trip, and a twelfth of a post's processor time. A server that ends
        says so and closes the socket, so a socket with nothing to read needs no question. One that vanished without
        closing is found by the first query, as it is when it vanishes after Django's question.
        """
        if self.connection is None or self.connection.pgconn.status != ConnStatus.OK:
            return False
        socket = select.poll()
        socket.register(self.connection.pgconn.socket, select.POLLIN)
        return not socket.poll(0) or bool(super().is_usable())
