"""A real sshd on a loopback port, for the user that runs the test: it plays a guest.

    with Sshd(tmp_path) as sshd:
        ssh -p sshd.port -i sshd.client_key -l sshd.user 127.0.0.1

home: $HOME of whoever logs in; several of them play several guests.
"""
import os
import pwd
import shutil
import signal
import socket
import subprocess
from pathlib import Path

PROGRAM = shutil.which("sshd", path="/usr/sbin:/usr/bin:/sbin")


def keygen(path, comment="test"):
    path.unlink(missing_ok=True)
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", path], check=True)
    return Path(f"{path}.pub").read_text()


class Sshd:
    """name: what its files are called, so that many may share a directory; client_key: the private key
    that may log in, made when it is None."""

    def __init__(self, where, name="sshd", client_key=None, home=None, port=None):
        self.dir = Path(where) / name
        self.dir.mkdir()
        self.user = pwd.getpwuid(os.getuid()).pw_name
        self.home = Path(home) if home else self.dir
        self.client_key = client_key or self.dir / "client"
        if client_key is None:
            keygen(self.client_key)
        self.process = None
        self.port = port
        self.host_key = keygen(self.dir / "host", f"root@{name}")
        shutil.copy(f"{self.client_key}.pub", self.dir / "authorized_keys")

    def config(self):
        return (f"Port {self.port}\nListenAddress 127.0.0.1\nHostKey {self.dir}/host\n"
                f"AuthorizedKeysFile {self.dir}/authorized_keys\nPidFile none\nStrictModes no\nUsePAM no\n"
                "PasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin prohibit-password\n"
                f"SetEnv HOME={self.home}\nSubsystem sftp internal-sftp\nMaxStartups 100\n")

    def start(self):
        """Returns when it listens: sshd -D -e says so."""
        os.makedirs("/run/sshd", exist_ok=True) if os.getuid() == 0 else None
        for _ in range(20):  # somebody else may take a port between the question and its use
            port = self.port
            if port is None:
                with socket.socket() as s:
                    s.bind(("127.0.0.1", 0))
                    self.port = s.getsockname()[1]
            (self.dir / "config").write_text(self.config())
            self.process = subprocess.Popen([PROGRAM, "-D", "-e", "-f", self.dir / "config"], stderr=subprocess.PIPE,
                                            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, text=True,
                                            start_new_session=True)
            said = []
            for line in self.process.stderr:
                said.append(line)
                if "Server listening" in line:
                    return self
            self.process.wait()
            self.port = port
            if port is not None:
                break
        raise RuntimeError("sshd: " + "".join(said))

    def stop(self):
        if self.process:
            try:
                os.killpg(self.process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            self.process.stderr.close()
            self.process.wait()
            self.process = None

    def exchange_key(self):
        """Another host key, behind everybody's back."""
        self.stop()
        self.host_key = keygen(self.dir / "host", "root@other")
        self.start()

    @property
    def ansible_env(self):
        return {"ANSIBLE_PRIVATE_KEY_FILE": str(self.client_key)}

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()
