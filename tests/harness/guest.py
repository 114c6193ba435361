"""A guest as roost sees it: its tokens, its host keys, its requests; no machine behind it."""
import base64
import hashlib
import hmac
import http.client
import struct
import urllib.parse

DOCS = ("meta-data", "user-data", "vendor-data", "network-config")


def token(key, purpose, iid, epoch=0):
    """As model/token.h says."""
    text = b"\0".join([b"roost-token-1", purpose.encode(), iid.encode(), str(epoch).encode()])
    return hmac.new(key, text, hashlib.sha256).hexdigest()[:32]


def ed25519(word, comment="root@guest"):
    """A well-formed public key, a different one for each word."""
    blob = b"".join(struct.pack(">I", len(part)) + part for part in (
        b"ssh-ed25519", hashlib.sha256(word.encode()).digest()))
    return f"ssh-ed25519 {base64.b64encode(blob).decode()} {comment}\n"


def fleet(names, **fields):
    """A fleet of guests that somebody else launches."""
    return {"instances": {name: {"launcher": "external", **fields} for name in names}}


def define(roost, tree):
    """apply over the control API; the CLI has tests of its own."""
    reply = roost.api("POST", "/v1/apply", {"fleet": tree})
    assert reply.status == 200, reply.text
    return reply.json


class Guest:
    def __init__(self, roost, name, tag=None, generation=1):
        self.roost, self.name, self.tag = roost, name, tag or name
        self.iid = f"iid-{name}-{generation}"
        self.key = ed25519(f"{name}-{generation}", f"root@{name}")

    def token(self, purpose):
        return token((self.roost.state / "secret.key").read_bytes(), purpose, self.iid)

    def path(self, purpose, last):
        return f"/{self.tag}/{self.token(purpose)}/{last}"

    def seed_url(self):
        """What roost writes into the SMBIOS serial, as this host reaches it."""
        return self.roost.seed_url + self.path("seed", "")

    def form(self, **other):
        """The body of cc_phone_home with roost's `post` list; None leaves a field out."""
        fields = {"pub_key_rsa": "N/A", "pub_key_ecdsa": "N/A", "pub_key_ed25519": self.key,
                  "instance_id": self.iid, "hostname": self.name, "fqdn": self.name, **other}
        return urllib.parse.urlencode({k: v for k, v in fields.items() if v is not None}).encode()

    def get(self, doc="meta-data", **kw):
        return request(self.roost.seed_port, "GET", self.path("seed", doc), **kw)

    def home(self, body=None, last="phone-home", **kw):
        return request(self.roost.seed_port, "POST", self.path("post", last), body or self.form(),
                       {"Content-Type": "application/x-www-form-urlencoded"}, **kw)

    def report(self, body, **kw):
        return request(self.roost.seed_port, "POST", self.path("post", "report"), body, **kw)

    def show(self):
        reply = self.roost.api("GET", f"/v1/instances/{self.name}")
        assert reply.status == 200, reply.text
        return reply.json

    def events(self, kind=None):
        rows = self.roost.api("GET", f"/v1/events?instance={self.name}&limit=1000").json["events"]
        return [row for row in rows if kind in (None, row["kind"])]


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body


def request(port, method, target, body=None, headers=None, timeout=30):
    """One request over a connection of its own, as cloud-init makes them; follows nothing."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request(method, target, body=body, headers=headers or {})
        reply = connection.getresponse()
        return Answer(reply.status, reply.headers, reply.read())
    finally:
        connection.close()
