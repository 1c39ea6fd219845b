"""A Kerberos realm of one's own: a real KDC on loopback, whose files all lie in one folder."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess

__all__ = ["PROGRAMS", "Realm", "missing"]

REALM = "TEST.EXAMPLE"
PROGRAMS = ("krb5kdc", "kdb5_util", "kadmin.local")
_PATH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin"])

_KRB5_CONF = """\
[libdefaults]
    default_realm = {realm}
    dns_lookup_realm = false
    dns_lookup_kdc = false
    dns_canonicalize_hostname = false
    rdns = false
    udp_preference_limit = 1
[realms]
    {realm} = {{
        kdc = 127.0.0.1:{port}
    }}
[domain_realm]
    localhost = {realm}
[logging]
    kdc = FILE:{folder}/kdc.log
"""
_KDC_CONF = """\
[kdcdefaults]
    kdc_listen = ""
    kdc_tcp_listen = 127.0.0.1:{port}
[realms]
    {realm} = {{
        database_name = {folder}/principal
        key_stash_file = {folder}/stash
        acl_file = {folder}/acl
    }}
"""


def missing():
    """The programs that are needed and not there."""
    return [name for name in PROGRAMS if not shutil.which(name, path=_PATH)]


def _free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Realm:
    """A KDC that runs until `close`; ``service/localhost`` is a principal of it.

    Parameters
    ----------
    folder : str
        An empty folder.
    """

    def __init__(self, folder):
        self.folder = folder
        self.environment = {
            "KRB5_CONFIG": os.path.join(folder, "krb5.conf"),
            "KRB5_KDC_PROFILE": os.path.join(folder, "kdc.conf"),
            "KRB5RCACHENAME": "none:",
        }
        self._configure(0)
        self._run("kdb5_util", "create", "-s", "-W", "-r", REALM, "-P", "master")
        self.add("service/localhost")
        self.process = self._start()

    def add(self, principal):
        """Make a principal, and a file with its key."""
        self._run("kadmin.local", "-r", REALM, "-q", f"addprinc -randkey {principal}")
        self._run("kadmin.local", "-r", REALM, "-q", f"ktadd -k {self._keys(principal)} {principal}")

    def identity(self, principal):
        """The environment of a process that is this principal: it gets its tickets by itself when it needs them."""
        keys = self._keys(principal)
        tickets = os.path.join(self.folder, f"{os.path.basename(keys)}.tickets")
        return {
            **self.environment,
            "KRB5_KTNAME": keys,
            "KRB5_CLIENT_KTNAME": keys,
            "KRB5CCNAME": f"FILE:{tickets}",
        }

    def close(self):
        """End the KDC."""
        self.process.terminate()
        self.process.wait(20)

    def _keys(self, principal):
        return os.path.join(self.folder, principal.replace("/", "-") + ".keytab")

    def _configure(self, port):
        for name, text in (("krb5.conf", _KRB5_CONF), ("kdc.conf", _KDC_CONF)):
            with open(os.path.join(self.folder, name), "w", encoding="utf-8") as file:
                file.write(text.format(realm=REALM, port=port, folder=self.folder))

    def _command(self, name, *arguments):
        return [shutil.which(name, path=_PATH), *arguments]

    def _run(self, name, *arguments):
        done = subprocess.run(
            self._command(name, *arguments),
            env={**os.environ, **self.environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=30,
        )
        assert done.returncode == 0, f"{name}: exit status {done.returncode}\n{done.stdout}"

    def _start(self):
        told = ""
        for _ in range(5):
            # Somebody else may take the port before the KDC does.
            port = _free_port()
            self._configure(port)
            process = subprocess.Popen(
                self._command("krb5kdc", "-n", "-r", REALM),
                env={**os.environ, **self.environment},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            # Said once it listens.
            for line in process.stdout:
                told += line
                if "starting" in line:
                    process.stdout.close()
                    return process
            process.wait(20)
        raise AssertionError(f"krb5kdc does not start\n{told}")
