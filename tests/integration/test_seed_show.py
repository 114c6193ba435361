"""What a guest would get, byte for byte, what its client asks for, and the traps in it."""
import base64
import gzip

import pytest
from harness.guest import DOCS, Guest, define
from harness.roost import Roost

USER_DATA = "#cloud-config\nruncmd: [[touch, /it-ran]]\n"


@pytest.fixture(scope="module")
def server():
    with Roost({"launch": {"enabled": "no"}}) as r:
        define(r, {"instances": {
            "web": {"launcher": "external", "user-data": USER_DATA, "mac": "52:54:00:00:00:01"},
            "raw": {"launcher": "external", "user-data": {"base64": base64.b64encode(
                b"#!/bin/sh\n\xff\x00\xfe").decode()}},
            "vol": {"launcher": "external", "bootstrapper": "drive"},
            "net": {"launcher": "external", "bootstrapper": "drive-network"},
            "silent": {"launcher": "external", "bootstrapper": "none"},
        }})
        yield r


def raw(server, *args):
    import subprocess
    return subprocess.run([server.build / "roost", *args], env=server.env, capture_output=True, timeout=60,
                          check=True).stdout


@pytest.mark.parametrize("name", ["web", "raw"])
def test_each_document_byte_for_byte(server, name):
    for doc in DOCS:
        assert raw(server, "seed", "show", name, doc) == Guest(server, name).get(doc).body, doc
    assert server.json("seed", "show", "web", "user-data") == {"user-data": USER_DATA}
    assert server.json("seed", "show", "raw")["user-data"] == {
        "base64": base64.b64encode(b"#!/bin/sh\n\xff\x00\xfe").decode()}
    text = server.cli("seed", "show", "web").stdout
    assert [f"==> {d} <==" in text for d in DOCS] == [True] * 4 and USER_DATA in text


def test_showing_it_is_no_sign_of_life(server):
    define(server, {"instances": {"still": {"launcher": "external"}}})
    server.cli("seed", "show", "still")
    server.cli("seed", "explain", "still")
    assert server.json("instance", "show", "still")["state"] == "defined"


def test_what_is_wrong(server):
    for args, words in ((("show", "nobody"), "no instance nobody"),
                        (("show", "web", "meta-dat"), "did you mean meta-data"),
                        (("explain", "web", "--as", "wget/1"), "cloud-init/22.4"),
                        (("explain", "web", "--as", "cloud init"), "cloud-init/22.4"),
                        (("explain", "silent"), "bootstrapper none")):
        done = server.cli("seed", *args, check=False)
        assert done.returncode != 0 and words in done.stderr, (args, done.stderr)


def asked(server, client, name="web"):
    return [r["url"].rsplit("/", 1)[1] for r in
            server.json("seed", "explain", name, "--as", client)["requests"] if r["method"] == "GET"]


def test_what_lies_on_a_volume_is_not_asked_for(server):
    for client in ("cloud-init/22.4", "cloud-init/25.1"):
        assert asked(server, client, "vol") == []
        assert asked(server, client, "net") == ["user-data", "vendor-data"]
    told = server.json("seed", "explain", "vol")
    assert {r["url"].rsplit("/", 1)[1] for r in told["requests"]} == {"report", "phone-home"}
    assert not [w for w in told["warnings"] if "gives up" in w]


def test_requests_in_order(server):
    assert asked(server, "cloud-init/22.4") == ["meta-data", "user-data", "vendor-data"]
    assert asked(server, "cloud-init/25.1.4") == ["network-config", "meta-data", "user-data", "vendor-data"]
    tree = server.json("seed", "explain", "web", "--as", "Cloud-Init/22.4.2")
    posts = [r["url"].rsplit("/", 1)[1] for r in tree["requests"] if r["method"] == "POST"]
    assert posts == ["report", "phone-home", "phone-home"]
    assert any("gives up after 11 s" in w for w in tree["warnings"])
    guest = Guest(server, "web")
    text = server.cli("seed", "explain", "web", "--as", "cloud-init/22.4").stdout
    assert guest.token("seed") not in text and guest.token("post") not in text and "SEED-TOKEN" in text
    # It says what the real one did (tests/integration/test_cloudinit_client.py): sizes are those that are served.
    assert f"{len(guest.get('vendor-data').body)} bytes" in text


TRAPS = {
    "header": ("# cloud-config\npackages: [git]\n", "spelt #cloud-config"),
    "dot": ("#cloud-config\nphone_home: {url: 'http://h/$INSTANCE_ID.json'}\n", "$INSTANCE_ID"),
    "unset": ("## template: jinja\n#cloud-config\nhostname: {{ ds.meta_data.roost.ap }}\n", "ap is used but not set"),
    "open": ("## template: jinja\n#cloud-config\nhostname: {{ v1\n", "{{ without }}"),
    "gateway": ("#cloud-config\nwrite_files:\n- {path: /n, content: 'gateway4: 10.0.0.1'}\n", "gateway4"),
}


@pytest.mark.parametrize("trap", TRAPS)
def test_traps_are_told_at_apply_and_by_explain(server, trap):
    text, words = TRAPS[trap]
    name = f"trap-{trap}"
    warnings = define(server, {"instances": {name: {"launcher": "external", "user-data": text,
                                                    "vars": {"app": "shop"}}}})["warnings"]
    assert any(words in w and name in w for w in warnings), warnings
    assert any(words in w for w in server.json("seed", "explain", name)["warnings"])
    assert words in server.cli("seed", "explain", name).stdout


def test_their_vendor_data_is_shown_and_its_traps_told(server):
    """Its own words in `instance show`, in the document with roost's; its traps by the document's name."""
    theirs = "## template: jinja\n#cloud-config\nhostname: {{ ds.meta_data.roost.ap }}\nphone_home: {url: 'http://h/'}\n"
    warnings = define(server, {"instances": {"vend": {"launcher": "external", "vendor-data": theirs}}})["warnings"]
    assert ["instance vend: vendor-data: line 3: the variable ap is used but not set: say it under vars"] == [
        w for w in warnings if "vend:" in w]
    told = server.json("seed", "explain", "vend")
    assert any(w.startswith("vendor-data: line 3: the variable ap") for w in told["warnings"]), told
    # As with user-data: there may be a phone_home in it, so roost's script posts alone.
    assert [r["url"].rsplit("/", 1)[1] for r in told["requests"] if r["method"] == "POST"] == ["report", "phone-home"]
    assert server.json("instance", "show", "vend")["spec"]["vendor-data"] == theirs
    shown = raw(server, "seed", "show", "vend", "vendor-data")
    assert base64.b64encode(theirs.encode()) in shown.replace(b"\n", b"") and b"roost-home" in shown
    assert shown == Guest(server, "vend").get("vendor-data").body


@pytest.mark.parametrize("vendor_data, words", [
    ("#cloud-config\nusers: {a: b}\n", "vendor-data:2: users is a mapping"),
    ("#cloud-config\nvendor_data: {enabled: false}\n", "belongs into user-data"),
    ("Content-Type: multipart/mixed; boundary=b\nMIME-Version: 1.0\n\n--b\n\n", "cannot take apart"),
    ({"base64": base64.b64encode(b"\x1f\x8b\x08 damaged").decode()}, "damaged"),
    ({"base64": base64.b64encode(gzip.compress(b"#" * (2 << 20))).decode()}, "unpacks to more than 1024 KiB"),
], ids=["users", "vendor_data", "mime", "gzip", "bomb"])
def test_vendor_data_that_cannot_be_carried_is_refused(server, vendor_data, words):
    reply = server.api("POST", "/v1/apply", {"fleet": {"instances": {
        "bad": {"launcher": "external", "vendor-data": vendor_data}}}})
    assert reply.status in (400, 413) and "instance bad: vendor-data: " in reply.text and words in reply.text
    assert "no instance bad" in server.cli("instance", "show", "bad", check=False).stderr


def test_the_largest_vendor_data_is_served(server):
    """1 MiB of it, which is more in base64."""
    define(server, {"instances": {"large": {"launcher": "external", "vendor-data": "#!/bin/sh\n".ljust(1 << 20, "#"),
                                            "user-data": "#!/bin/sh\n".ljust(1 << 20, "#")}}})
    body = Guest(server, "large").get("vendor-data").body
    assert len(body) > (4 << 20) / 3 and b"roost-home" in body


def test_a_broken_document_is_refused(server):
    reply = server.api("POST", "/v1/apply", {"fleet": {"instances": {
        "bad": {"launcher": "external", "user-data": "#cloud-config\na: [1\n"}}}})
    assert reply.status == 400 and "user-data" in reply.text
