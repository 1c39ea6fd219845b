"""Children are heard, mourned and ended."""

import os
import signal
import subprocess
import sys
import time

import pytest
from processes import ChildFailed, Children, Inbox, describe_status
from scripts import TOOLS, alive

ECHO = [sys.executable, "-u", "-c", "import sys\nfor line in sys.stdin: print(line.strip().upper())"]
DYING = [sys.executable, "-c", "import sys; sys.stderr.write('the reason'); sys.exit(7)"]
SILENT = [sys.executable, "-c", "import time; time.sleep(60)"]


@pytest.fixture
def inbox():
    return Inbox()


@pytest.fixture
def children():
    with Children() as all_of_them:
        yield all_of_them


def test_answers_come_back_to_the_child_that_is_asked_for(children, inbox):
    one, two = (children.start(name, ECHO, None, inbox) for name in ("one", "two"))
    one.say("a")
    two.say("b")
    assert inbox.wait_for(two, 20) == "B"
    assert inbox.wait_for(one, 20) == "A"


def test_the_end_of_a_child_is_told_with_its_status_and_stderr(children, inbox):
    child = children.start("the dying one", DYING, None, inbox)
    with pytest.raises(ChildFailed, match=r"(?s)the dying one: exit status 7\n    the reason"):
        inbox.wait_for(child, 20)


def test_the_end_of_another_child_is_told_too(children, inbox):
    silent = children.start("silent", SILENT, None, inbox)
    children.start("the dying one", DYING, None, inbox)
    with pytest.raises(ChildFailed, match="the dying one: exit status 7"):
        inbox.wait_for(silent, 20)


def test_silence_has_a_limit(children, inbox):
    child = children.start("silent", SILENT, None, inbox)
    with pytest.raises(ChildFailed, match=r"silent: no answer within 0.2 s \(it wrote nothing to stderr\)"):
        inbox.wait_for(child, 0.2)
    assert inbox.next(0) is None


def test_an_order_to_a_dead_child_is_an_error(children, inbox):
    child = children.start("the dying one", DYING, None, inbox)
    child.process.wait(20)
    with pytest.raises(ChildFailed, match="the dying one: exit status 7"):
        for _ in range(2):
            child.say("anything")


def test_none_is_left_behind(inbox):
    with Children() as children:
        pids = [children.start(name, argv, None, inbox).process.pid for name, argv in (("a", ECHO), ("b", SILENT))]
        children.end(patience=0.1)
    assert not any(map(alive, pids))


def test_a_child_that_is_ended_is_ended_once(children, inbox):
    child = children.start("echo", ECHO, None, inbox)
    children.end(child)
    children.end()
    assert child.process.returncode == 0


OBEDIENT = f"""
import sys, threading
sys.path.insert(0, {TOOLS!r})
from processes import obey
for order in obey():
    print(order, flush=True)
    if order == "wait":
        threading.Event().wait()
"""


def test_obey_hands_over_the_orders_and_ends_with_the_input(children, inbox):
    child = children.start("obedient", [sys.executable, "-c", OBEDIENT], None, inbox)
    child.say("one")
    assert inbox.wait_for(child, 20) == "one"
    child.dismiss()
    assert child.process.wait(20) == 0


def test_obey_ends_a_process_that_waits_for_ever(children, inbox):
    child = children.start("obedient", [sys.executable, "-c", OBEDIENT], None, inbox)
    child.say("wait")
    assert inbox.wait_for(child, 20) == "wait"
    child.dismiss()
    assert child.process.wait(20) == 3


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_obey_leaves_ctrl_c_to_the_one_who_gives_orders(children, inbox):
    child = children.start("obedient", [sys.executable, "-c", OBEDIENT], None, inbox)
    child.say("one")
    assert inbox.wait_for(child, 20) == "one"
    child.process.send_signal(signal.SIGINT)
    child.say("two")
    assert inbox.wait_for(child, 20) == "two"


def test_children_end_when_their_parent_is_killed():
    parent = (
        f"import sys, time; sys.path.insert(0, {TOOLS!r}); from processes import Children, Inbox\n"
        f"child = Children().start('c', [sys.executable, '-c', {OBEDIENT!r}], None, Inbox())\n"
        "child.say('wait'); print(child.process.pid, flush=True); time.sleep(60)"
    )
    process = subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE)
    pid = int(process.stdout.readline())
    process.kill()
    process.wait()
    process.stdout.close()
    deadline = time.monotonic() + 20
    while alive(pid):
        assert time.monotonic() < deadline, "the child outlived the one that started it"
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("status", "words"), [(7, "exit status 7"), (-15, "ended by SIGTERM"), (-99, "ended by signal 99")]
)
def test_statuses_in_words(status, words):
    assert describe_status(status) == words
