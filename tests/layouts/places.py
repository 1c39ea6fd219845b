"""Places that a copy of the package can be run from, and conversations between processes that run it there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
TALK = os.path.join(HERE, "talk.py")
SIZES_ASKED = 7
#: Seconds for a process to do its work; it needs less than one.
LIMIT = 45


def environment(**changes):
    """The variables for a child: ours, without those that would lead it to the checkout."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PYTEST", "COV"))}
    variables.update(changes)
    return variables


def run(command, **details):
    """The output of a command that has to succeed, within the limit."""
    details.setdefault("env", environment())
    details.setdefault("timeout", LIMIT)
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        **details,
    )
    assert done.returncode == 0, f"{command}: exit status {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def embedded(arguments):
    """Python source that runs a script with arguments, for where there is no command line."""
    script = arguments[0]
    return (
        f"import sys; sys.argv = {arguments!r}; "
        f"exec(compile(open({script!r}, encoding='utf-8').read(), {script!r}, 'exec'), {{'__name__': '__main__'}})"
    )


class Place:
    """Where the package lies, what it is called there, and how a Python that sees it is started.

    Parameters
    ----------
    folder : str
        What the package's own file has to lie in.
    module : str
        What it is imported as.
    python : sequence of str
        The command that the script and its arguments follow.
    path : str, optional
        What has to be put into ``sys.path``: through PYTHONPATH if `isolated` is false, else by the script itself.
    isolated : bool
        Whether the interpreter ignores PYTHONPATH.
    wrap : callable, optional
        Turns the list of script and arguments into what follows the command; for embedded interpreters.
    """

    def __init__(self, folder, module="zmq_ctypes", python=(sys.executable,), path=None, isolated=False, wrap=None):
        self.folder = os.path.realpath(folder)
        self.module = module
        self.python = list(python)
        self.path = path
        self.isolated = isolated
        self.wrap = wrap or (lambda arguments: arguments)

    def command(self, *arguments):
        """The command line for a script of ours."""
        script, *rest = arguments
        path = ["--path", self.path] if self.path and self.isolated else []
        return self.python + self.wrap([script, *path, *rest])

    def variables(self, **changes):
        """The environment variables for that."""
        if self.path and not self.isolated:
            changes["PYTHONPATH"] = self.path
        if not self.isolated:
            changes["PYTHONWARNINGS"] = "error"
        return environment(**changes)

    def check(self, told):
        """Whether what a process said of its modules is this place."""
        package = os.path.join(self.folder, *self.module.split("."))
        assert os.path.realpath(told["module"]) == os.path.join(package, "__init__.py")
        return told


def converse(server, client, folder):
    """Let a server at one place and a client at another talk; what each said about itself.

    Parameters
    ----------
    server, client : Place
        May be the same.
    folder : path
        Working directory of both.
    """
    pipes = dict(
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
        cwd=str(folder),
    )
    serving = subprocess.Popen(server.command(TALK, "serve", server.module), env=server.variables(), **pipes)
    # Whatever happens below, the server does not outlive this: it has no reason to, but then this is a test.
    watchdog = threading.Timer(LIMIT, serving.kill)
    watchdog.start()
    try:
        first = serving.stdout.readline()
        assert first.startswith("{"), (
            f"the server did not start:\n{first}{serving.stdout.read()}{serving.stderr.read()}"
        )
        told = json.loads(first)
        asked = run(
            client.command(TALK, "ask", client.module, *told["endpoints"]), env=client.variables(), cwd=str(folder)
        )
        rest, errors = serving.communicate(timeout=LIMIT)
    finally:
        watchdog.cancel()
        serving.kill()
        serving.communicate()
    assert serving.returncode == 0, f"the server ended with status {serving.returncode}:\n{rest}\n{errors}"
    count = SIZES_ASKED * len(told["endpoints"])
    assert [endpoint.partition(":")[0] for endpoint in told["endpoints"]] == ["tcp", "ipc"][: len(told["endpoints"])]
    assert len(told["endpoints"]) == 2 or os.name != "posix"
    assert json.loads(rest) == {"served": count}
    answer = json.loads(asked.splitlines()[-1])
    assert answer["asked"] == count
    return told, answer
