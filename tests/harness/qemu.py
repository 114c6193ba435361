"""A QEMU without a machine: it speaks QMP, and has a serial line whose other end a test may hold."""

QEMU = """#!/usr/bin/python3
import json, os, re, select, socket, sys, threading
if "--version" in sys.argv or "-version" in sys.argv:
    print("QEMU emulator version 7.2.0 (test)")
    sys.exit(0)

PORT = open(sys.argv[0] + ".port").read()

def listen(path):
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(1)
    return listener

def serve(client):
    client.sendall(json.dumps({"QMP": {"version": {}, "capabilities": []}}).encode() + b"\\r\\n")
    for line in client.makefile():
        request = json.loads(line)
        line = request.get("arguments", {}).get("command-line")
        forward = "Hub -1 (net0):\\r\\n  TCP[HOST_FORWARD]  12    127.0.0.1 " + PORT + "       10.0.2.15    22     0     0"
        client.sendall(json.dumps({"return": {} if line is None else forward if line == "info usernet" else "",
                                   "id": request["id"]}).encode() + b"\\r\\n")

def monitor(listener):
    while True:
        threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()

args = " ".join(sys.argv)
name = re.search(r"path=([^, ]+)\\.con", args).group(1)
console = listen(name + ".con")
guest = socket.socket(socket.AF_UNIX)
if os.path.exists(sys.argv[0] + ".guest"):
    guest.connect(sys.argv[0] + ".guest")
else:
    guest, _ = socket.socketpair()
threading.Thread(target=monitor, args=(listen(name + ".qmp"),), daemon=True).start()
client = None  # one at a time, as QEMU has it
typed = b""  # a guest that does not read stops that way only
while True:
    sources = [guest] if typed else [guest, client or console]
    ready, writable, _ = select.select(sources, [guest] if typed else [], [])
    if writable:
        typed = typed[guest.send(typed, socket.MSG_DONTWAIT):]
    if client in ready:
        typed = client.recv(4096)
        if not typed:
            client.close()
            client = None
    elif console in ready:
        client = console.accept()[0]
        guest.sendall(b"<attached>")
    if guest in ready:
        data = guest.recv(4096)
        if not data:
            break
        if client:
            try:
                client.sendall(data)
            except OSError:
                client = None
"""


def fake_qemu(directory, port=34567):
    """Its path, for [launch] qemu. port: what it says leads to its guest's SSH. A socket that listens at that path and
    ".guest" is the guest's end of the serial line."""
    path = directory / "qemu"
    path.write_text(QEMU)
    path.chmod(0o755)
    (directory / "qemu.port").write_text(str(port))
    return path
