"""The examples of the documentation run: all blocks of a page one after the other, in a process of its own.

A fence of ```` ```python ```` is run.  One that cannot be (it shows somebody else's program, or a folder that is not there)
has ``<!-- not run: reason -->`` in the line above.  A page whose examples take an optional package says so once:
``<!-- needs: package -->``.
"""

from __future__ import annotations

import glob
import os
import re

import pytest
from children import check
from support import need_package

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PAGES = sorted(glob.glob(os.path.join(ROOT, "docs", "**", "*.md"), recursive=True))
README = os.path.join(ROOT, "README.md")
if os.path.exists(README):
    PAGES.append(README)

NEEDS = re.compile(r"^<!-- needs: (\S+) -->$", re.MULTILINE)
NOT_RUN = re.compile(r"<!-- not run: \S.* -->")

RUN = """
import sys
source, page = sys.argv[1:]
exec(compile(source, page, "exec"), {"__name__": "__main__"})
"""


def program(text):
    """The examples of a page, each in its own lines, so that a traceback names the lines of the page."""
    lines = []
    kind = previous = ""
    for line in text.splitlines():
        fence = line.startswith("```")
        if fence and not kind:
            run = line == "```python" and not NOT_RUN.fullmatch(previous)
            kind = "run" if run else "other"
        elif fence:
            kind = ""
        lines.append(line if kind == "run" and not fence else "")
        previous = line
    assert not kind, "a fence is not closed"
    return "\n".join(lines)


def read(page):
    with open(page, encoding="utf-8") as file:
        return file.read()


def has_examples(page):
    return bool(program(read(page)).strip())


@pytest.mark.parametrize("page", [os.path.relpath(page, ROOT) for page in PAGES if has_examples(page)])
def test_examples(page, tmp_path, monkeypatch):
    path = os.path.join(ROOT, page)
    for package in NEEDS.findall(read(path)):
        need_package(package)
    # An example may write files.
    monkeypatch.chdir(tmp_path)
    check(RUN, program(read(path)), path, flags=("-W", "error"))


def test_which_blocks_are_run():
    page = "\n".join(
        ["text", "```python", "a = 1", "```", "```", "no = 1", "```", "<!-- not run: it shows -->", "```python", "no = 2", "```"]
    )
    assert program(page) == "\n" * 2 + "a = 1" + "\n" * 8
    with pytest.raises(AssertionError, match="not closed"):
        program("```python\na = 1")
