"""A roost as the system starts it: root's, with /run of its own, in a namespace that is its host.

    with System(host) as r:     # host: a harness.netns Namespace; start() is the test's
        r.start()
"""
import os
import shutil

from harness.roost import BUILD, Roost


class System(Roost):
    """As the system starts it: /run is its own here, and what dnsmasq's user runs can be reached by it."""

    def __init__(self, host, conf=None, before=None, env=None):
        class Inside:
            def argv(self, argv):
                words = " ".join(f"'{w}'" for w in argv)
                return host.argv(["unshare", "--mount", "--", "sh", "-c",
                                  f"mount -t tmpfs none /run && {before or 'true'} && exec {words}"])
        super().__init__(conf, inside=Inside(), start=False, env=env)
        os.chmod(self.dir, 0o755)
        self.settings["roost"].update({"mode": "system", "control": self.run / "control.sock"})
        self.settings["network"] = {"dnsmasq-user": "nobody"}
        self.write_conf()
        libexec = self.dir / "libexec"
        libexec.mkdir(mode=0o755)
        for program in ("roost-core", "roost-front", "roost-lease"):
            shutil.copy(BUILD / program, libexec)
        self.args = ["--libexec", libexec]

    @property
    def control(self):
        return self.run / "control.sock"
