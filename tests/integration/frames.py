"""base/chan's framing and server/proto's messages, for tests that stand in for roostd or roost-core."""
import array
import socket
import struct

HELLO, CONFIG, READY, QUIT, LISTEN, CORE_LINK, FRONT_LINK = 1, 2, 3, 4, 5, 6, 7
SEED_GET, SEED_REPLY, HOME, HOME_REPLY, REPORT, SERVED, TALLY, INVALIDATE = range(64, 72)
TALLY_ROWS = ["not-found", "bad-request", "too-big", "method", "core-away", "deadline",
              "report-dropped", "connections-refused"]
HEAD = struct.Struct("=IHHI")


def string(data):
    data = data.encode() if isinstance(data, str) else data
    return struct.pack("=I", len(data)) + data


class Reader:
    def __init__(self, data):
        self.data = data

    def take(self, n):
        assert len(self.data) >= n, "message cut short"
        head, self.data = self.data[:n], self.data[n:]
        return head

    def number(self, fmt):
        return struct.unpack("=" + fmt, self.take(struct.calcsize("=" + fmt)))[0]

    def string(self):
        return self.take(self.number("I"))


def caller(r):
    """The struct caller at the start of a guest's message."""
    c = {"listener": r.number("H"), "family": r.number("B"), "ip": r.string(), "port": r.number("H"),
         "claim": r.number("B"), "tag": r.string().decode(), "claimed": r.string().decode(),
         "marks": [r.string() for _ in ("uuid", "serial", "mac")] if r.number("B") else None,
         "has_token": r.number("B"), "token": r.string().decode(), "agent": r.string().decode()}
    c["ip"] = socket.inet_ntoa(c["ip"][:4]) if c["family"] == 4 else c["ip"]
    return c


class Channel:
    """One end of a channel."""

    def __init__(self, sock):
        self.sock = sock
        self.data = b""
        self.fds = []

    def send(self, kind, payload=b"", ident=0, fds=()):
        ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
        head = HEAD.pack(len(payload), kind, len(fds), ident)
        sent = self.sock.sendmsg([head + payload], ancillary)
        if sent < len(head) + len(payload):
            self.sock.sendall((head + payload)[sent:])

    def receive(self, timeout=5):
        """(kind, ident, payload); None at the end of the channel; TimeoutError."""
        self.sock.settimeout(timeout)
        while True:
            if len(self.data) >= HEAD.size:
                size, kind, _, ident = HEAD.unpack(self.data[:HEAD.size])
                if len(self.data) >= HEAD.size + size:
                    payload = self.data[HEAD.size:HEAD.size + size]
                    self.data = self.data[HEAD.size + size:]
                    return kind, ident, payload
            try:
                more = self.sock.recv(1 << 20)
            except socket.timeout as e:
                raise TimeoutError("nothing came over the channel") from e
            except ConnectionResetError:
                return None
            if not more:
                return None
            self.data += more

    def close(self):
        self.sock.close()


def seed_reply(status=200, docs=(b"meta", b"user", b"vendor", b"net"), keep_ms=30000, retry_after=0):
    out = struct.pack("=HHI", status, retry_after, keep_ms)
    return out + b"".join(string(d) for d in docs) if status == 200 else out


def status_reply(status, retry_after=0):
    return struct.pack("=HH", status, retry_after)
