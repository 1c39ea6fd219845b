"""Reads a ``zmq.h`` without a C compiler, for constants and prototypes that the committed tables do not know yet.

``tools/generate.py`` feeds headers of new libzmq releases through this module; at run time it serves the header named
by ``ZMQ_CTYPES_HEADER`` (or found beside the library), so that an option added to libzmq after this package was
released has a name at once.

It is not a C preprocessor, and does not want to be one.  What it relies on:

1. Public names start with ``ZMQ_`` or ``zmq_``; the only others are error numbers (``E`` and capitals).
2. Every branch of a condition is read.  Where two branches declare the same name, the one outside Windows wins, then
   the first one; all headers from 3.2 to 4.3.6 give such names the same meaning in both.
3. Names between ``#ifdef ZMQ_BUILD_DRAFT_API`` and its end are drafts; an error number inside ``#ifndef`` of itself is
   a stand-in that libzmq uses only where the platform has none.
4. Values are computed by a small calculator (`calculator`).  Nothing of the file is ever executed, so a hostile header can at
   worst define wrong numbers.
"""

from __future__ import annotations

import os
import re

from .calculator import Calculator
from .contents import Header, HeaderError, Prototype

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterator

    from .calculator import Value

__all__ = ["Header", "HeaderError", "Prototype", "find", "read"]

#: The switch that libzmq's build sets when drafts are wanted.
_DRAFT_SWITCH = "ZMQ_BUILD_DRAFT_API"

_COMMENT_OR_STRING = re.compile(
    r"""//[^\n]* | /\*.*?\*/ | (?P<open>/\*) | (?P<string>"(?:\\.|[^"\\\n])*" | '(?:\\.|[^'\\\n])*')""", re.S | re.X
)
_DIRECTIVE = re.compile(r"\s*\#\s*(\w+)\s*(.*)", re.S)
_DEFINE = re.compile(r"(\w+)(\()?(.*)", re.S)
_PUBLIC = re.compile(r"ZMQ_\w+|E[A-Z][A-Z0-9]+")
_ERRNO = re.compile(r"E[A-Z][A-Z0-9]+")
_SWITCHES = {
    "drafts": re.compile(rf"\b{_DRAFT_SWITCH}\b"),
    "windows": re.compile(r"\b(?:_WIN32|_WIN64|_WIN32_WCE|_MSC_VER|__MINGW32__)\b"),
}
#: ``ZMQ_EXPORT (int) zmq_errno (void)``: the result inside the macro's parentheses.
_WRAPPED_RESULT = re.compile(r"\b[A-Z_]*EXPORT[A-Z_]*\s*\(([^()]*)\)\s*(?=zmq_)")
_DECORATION = re.compile(
    r"""__attribute__\s*\(\((?:[^()]|\([^()]*\))*\)\) | __declspec\s*\([^()]*\)
        | \b(?:extern|inline|static|__cdecl|__stdcall|__extension__)\b (?:\s*"C(?:\+\+)?")?
        | \b[A-Z_]*(?:EXPORT|IMPORT|API|CALL|DEPRECATED|NOEXCEPT)[A-Z_]*\b (?:\s*\([^()]*\))?
        | \b_[A-Z]\w*_\b (?:\s*\([^()]*\))?""",
    re.X,
)
_FUNCTION = re.compile(r"(?P<result>\w[\w *]*?) ?\b(?P<name>zmq_\w+) ?\((?P<arguments>.*)\)\Z")
_CALLBACK = re.compile(
    r"typedef (?P<result>\w[\w *]*?) ?"
    r"(?:\( ?(?P<pointer>\* ?)?(?P<name>zmq_\w+) ?\)|(?P<plain>\bzmq_\w+)) ?\((?P<arguments>.*)\)\Z"
)
_ENUM = re.compile(r"(?:typedef\s+)?enum\b\s*(\w*)\s*\{(.*)\}\s*(\w*)\s*\Z", re.S)
_BASIC = frozenset("void char short int long float double signed unsigned _Bool bool".split())
#: A real header has some 30 kB.
_MOST = 1 << 20
_QUALIFIERS = frozenset("const volatile restrict __restrict struct union enum".split())


def find(library_path: str | None) -> str | None:
    """The ``zmq.h`` that belongs to a library file.

    Parameters
    ----------
    library_path : str or None
        File that was loaded.  A bare name such as ``"libzmq.so.5"`` says nothing about where its header may be.

    Returns
    -------
    str or None
        The file named by ``ZMQ_CTYPES_HEADER`` (or ``zmq.h`` in it, for a directory), whether it exists or not: `read`
        explains what is wrong with it.  Otherwise a ``zmq.h`` that exists beside the library, or in the ``include``
        folder of its prefix.
    """
    named = os.environ.get("ZMQ_CTYPES_HEADER")
    if named:
        return os.path.join(named, "zmq.h") if os.path.isdir(named) else named
    if not library_path or not os.path.dirname(library_path):
        return None
    for path in dict.fromkeys((os.path.abspath(library_path), os.path.realpath(library_path))):
        folder = os.path.dirname(path)
        parent = os.path.dirname(folder)
        # The last one is for PREFIX/lib/<architecture>/, as Debian has it.
        steps = [folder, os.path.join(folder, "include"), os.path.join(parent, "include")]
        if os.path.basename(parent) in ("lib", "lib64", "lib32"):
            steps.append(os.path.join(os.path.dirname(parent), "include"))
        for step in steps:
            candidate = os.path.join(step, "zmq.h")
            if os.path.isfile(candidate):
                return candidate
    return None


def read(text_or_path: str | os.PathLike[str]) -> Header:
    """Read a ``zmq.h``.

    Parameters
    ----------
    text_or_path : str or path
        The text of a header if it has a line break, otherwise the path of one.

    Returns
    -------
    Header

    Raises
    ------
    HeaderError
        The file cannot be opened, or is not a header: unbalanced conditions, an unfinished comment, or not one public
        name in it.
    """
    if isinstance(text_or_path, str) and ("\n" in text_or_path or "\r" in text_or_path):
        return _Reader("<text>", text_or_path).header
    path = os.fspath(text_or_path)
    try:
        # Every byte has a meaning in latin-1, so a stray name in some contributor's spelling is no obstacle.
        with open(path, encoding="latin-1") as file:
            text = file.read(_MOST + 1)
    except (OSError, ValueError) as error:
        raise HeaderError(f"cannot read the header {path!r}: {error}") from error
    if len(text) > _MOST:
        raise HeaderError(f"cannot read the header {path!r}: too large to be a zmq.h")
    return _Reader(path, text).header


class _Region:
    """One branch of an ``#if``: what is known of the lines inside."""

    __slots__ = ("ifndef", "drafts", "windows", "dead", "line", "negated")

    def __init__(self, word: str, condition: str, line: int) -> None:
        condition = condition.strip()
        self.line = line
        self.ifndef = condition if word == "ifndef" else ""
        self.dead = word == "if" and condition in ("0", "(0)")
        # What holds here, and what holds in the #else instead.
        self.negated: frozenset[str] = frozenset()
        here = set()
        for switch, names in _SWITCHES.items():
            match = names.search(condition)
            if match:
                turned = word == "ifndef" or bool(re.search(r"!\s*(?:defined)?\s*\(?\s*\Z", condition[: match.start()]))
                if turned:
                    self.negated |= {switch}
                else:
                    here.add(switch)
        self.drafts = "drafts" in here
        self.windows = "windows" in here

    def otherwise(self, word: str, condition: str) -> _Region:
        """The region of the next ``#elif`` or ``#else`` of the same ``#if``."""
        if word == "elif":
            return _Region("if", condition, self.line)
        other = _Region("else", "", self.line)
        other.drafts = "drafts" in self.negated
        other.windows = "windows" in self.negated
        return other


class _Reader:
    """Turns the text of one header into a `Header`."""

    def __init__(self, path: str, text: str) -> None:
        self.path = path
        self.header = Header(path)
        self.draft: dict[str, bool] = {}
        self.windows: dict[str, bool] = {}
        self.macros: dict[str, str] = {}
        self.stand_ins: list[str] = []
        self.dead: list[bool] = []
        self.line_regions: list[tuple[bool, bool]] = []
        self.by_value: list[str] = []

        code = self._directives(self._clean(text))
        self._declarations(code)
        self._evaluate()
        self._finish()

    def _fail(self, reason: str, line: int = 0) -> HeaderError:
        where = f"{self.path!r}, line {line}" if line else f"{self.path!r}"
        return HeaderError(f"cannot read the header {where}: {reason}")

    def _clean(self, text: str) -> str:
        """The text without comments, on the same lines as before."""
        text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", " ")
        # A continued line becomes one line; empty lines follow it so that line numbers stay true.
        lines: list[str] = []
        begun, empty = "", 0
        for line in text.split("\n"):
            bare = line.rstrip(" \t")
            if bare.endswith("\\"):
                begun, empty = f"{begun}{bare[:-1]} ", empty + 1
                continue
            lines += [begun + line] + [""] * empty
            begun, empty = "", 0
        text = "\n".join(lines + [begun])

        def blank(match: re.Match[str]) -> str:
            if match.group("open"):
                raise self._fail("a comment does not end", text.count("\n", 0, match.start()) + 1)
            return match.group("string") or " " + "\n" * match.group().count("\n")

        return _COMMENT_OR_STRING.sub(blank, text)

    def _directives(self, text: str) -> str:
        """Take macros in, note the condition that each line stands under, and return the lines that are left."""
        regions: list[_Region] = []
        left: list[str] = []
        for number, line in enumerate(text.split("\n"), 1):
            match = _DIRECTIVE.match(line)
            self.line_regions.append((any(r.drafts for r in regions), any(r.windows for r in regions)))
            dead = any(r.dead for r in regions)
            if not match:
                left.append("" if dead else line)
                continue
            left.append("")
            word, rest = match.group(1), match.group(2)
            if word in ("if", "ifdef", "ifndef"):
                regions.append(_Region(word, rest, number))
            elif word in ("elif", "else", "endif"):
                if not regions:
                    raise self._fail(f"#{word} without #if", number)
                last = regions.pop()
                if word != "endif":
                    regions.append(last.otherwise(word, rest))
            elif word == "define" and not dead:
                self._define(rest, regions)
            elif word == "undef" and not dead:
                for book in (self.macros, self.draft, self.windows):
                    book.pop(rest.strip(), None)
        if regions:
            raise self._fail("#if without #endif", regions[-1].line)
        return "\n".join(left)

    def _define(self, rest: str, regions: list[_Region]) -> None:
        match = _DEFINE.match(rest)
        if not match or match.group(2) or not _PUBLIC.fullmatch(match.group(1)):
            return
        name = match.group(1)
        if self._wanted(name, any(r.drafts for r in regions), any(r.windows for r in regions)):
            self.macros[name] = match.group(3).strip()
            if _ERRNO.fullmatch(name) and any(r.ifndef == name for r in regions):
                self.stand_ins.append(name)

    def _wanted(self, name: str, draft: bool, windows: bool) -> bool:
        """Whether this declaration of a name replaces the one before it, if there was any."""
        if name in self.windows and not (self.windows[name] and not windows):
            # Declared both inside and outside of the draft section: not a draft.
            self.draft[name] = self.draft[name] and draft
            return False
        self.draft[name], self.windows[name] = draft, windows
        return True

    def _statements(self, code: str) -> Iterator[tuple[str, int]]:
        """Top-level declarations, each with the index of its first line; bodies in braces stay inside."""
        code = re.sub(r'extern\s*"C(?:\+\+)?"\s*\{', lambda m: re.sub(r"[^\n]", " ", m.group()), code)
        depth = start = 0
        for match in re.finditer(r"[{};]", code):
            char = match.group()
            if char == "{":
                depth += 1
            elif char == "}":
                if depth:
                    depth -= 1
                else:
                    # The brace of `extern "C"`, whose opening went above.
                    start = match.end()
            elif not depth:
                statement = code[start : match.start()]
                lead = len(statement) - len(statement.lstrip())
                if statement.strip():
                    yield statement.strip(), code.count("\n", 0, start + lead)
                start = match.end()
        if depth:
            raise self._fail("a brace is not closed")

    def _declarations(self, code: str) -> None:
        for statement, line in self._statements(code):
            draft, windows = self.line_regions[line]
            enum = _ENUM.match(statement)
            if enum:
                self._enum(enum.group(1) or enum.group(3), enum.group(2), draft, windows)
                continue
            if "{" in statement:
                continue
            statement = _WRAPPED_RESULT.sub(r"\1 ", statement)
            statement = " ".join(_DECORATION.sub(" ", statement).split())
            callback = _CALLBACK.match(statement)
            if callback:
                name = callback.group("name") or callback.group("plain")
                if self._wanted(name, draft, windows):
                    self.header.callbacks[name] = self._prototype(callback)
                    if not callback.group("pointer"):
                        self.by_value.append(name)
                continue
            function = _FUNCTION.match(statement)
            if function and not statement.startswith("typedef"):
                name = function.group("name")
                if self._wanted(name, draft, windows):
                    self.header.prototypes[name] = self._prototype(function)

    def _prototype(self, match: re.Match[str]) -> Prototype:
        result, _ = _declarator(match.group("result"), named=False)
        pairs = [_declarator(text) for text in _split(match.group("arguments"))]
        if pairs == [("void", "")]:
            pairs = []
        return Prototype(result, tuple(kind for kind, _ in pairs), tuple(name for _, name in pairs))

    def _enum(self, name: str, body: str, draft: bool, windows: bool) -> None:
        members: dict[str, int] = {}
        following = 0
        for text in _split(body):
            member, _, value = (part.strip() for part in text.partition("="))
            if not member:
                continue
            if value:
                known = dict(self.macros)
                known.update((name, str(number)) for name, number in members.items())
                number = Calculator(value, known, {}).value()
                if not isinstance(number, int):
                    self.header.unread[member] = value
                    continue
                following = number
            if self._wanted(member, draft, windows):
                members[member] = following
            following += 1
        self.header.enums.setdefault(name, {}).update(members)

    def _evaluate(self) -> None:
        numbers = dict(self.macros)
        for members in self.header.enums.values():
            numbers.update((name, str(value)) for name, value in members.items())
        computed: dict[str, Value | None] = {}
        for name, text in self.macros.items():
            value = Calculator(text, numbers, computed).value() if text else None
            if text and value is None:
                self.header.unread[name] = text
            elif name in self.stand_ins:
                if isinstance(value, int):
                    self.header.errnos[name] = value
            else:
                self.header.defines[name] = value
                if text in self.macros:
                    self.header.aliases[name] = text

    def _finish(self) -> None:
        header = self.header
        for prototype in list(header.prototypes.values()) + list(header.callbacks.values()):
            # A parameter of function type is a pointer to the function, says C.
            prototype.arguments = tuple(f"{kind} *" if kind in self.by_value else kind for kind in prototype.arguments)
        header.draft = frozenset(name for name, draft in self.draft.items() if draft)
        numbers = [header.defines.get(f"ZMQ_VERSION_{part}") for part in ("MAJOR", "MINOR", "PATCH")]
        major, minor, patch = numbers
        if isinstance(major, int) and isinstance(minor, int) and isinstance(patch, int):
            header.version = (major, minor, patch)
        if not (header.defines or header.prototypes or header.enums or header.errnos):
            raise self._fail("nothing of libzmq is declared in it")


def _split(text: str) -> list[str]:
    """The parts of a list at its top-level commas."""
    parts: list[str] = []
    depth = start = 0
    for index, char in enumerate(text):
        if char in "([":
            depth += 1
        elif char in ")]":
            depth -= 1
        elif char == "," and not depth:
            parts.append(text[start:index].strip())
            start = index + 1
    parts.append(text[start:].strip())
    return [part for part in parts if part]


def _declarator(text: str, named: bool = True) -> tuple[str, str]:
    """A C type in one spelling, and the name it is given to.

    ``char const*x`` becomes ``("const char *", "x")``; a ``const`` of the argument itself means nothing to a caller
    and goes.
    """
    if "(" in text:
        # A pointer to a function, written out on the spot.
        match = re.match(r"(.*?)\(\s*\*\s*(\w*)\s*\)\s*\((.*)\)\Z", text, re.S)
        if not match:
            return " ".join(text.split()), ""
        result = _declarator(match.group(1), named=False)[0]
        inner = ", ".join(_declarator(part)[0] for part in _split(match.group(3)))
        return f"{result} (*)({inner})", match.group(2).rstrip("_")
    brackets = text.count("[")
    text = re.sub(r"\[[^\]]*\]", " ", text)
    before, star, after = text.partition("*")
    words = before.split()
    stars = brackets + (1 + after.count("*") if star else 0)
    names = [word for word in words if word not in _QUALIFIERS]
    name = ""
    if star:
        rest = [word for word in after.replace("*", " ").split() if word not in _QUALIFIERS]
        name = rest[-1] if rest else ""
    elif named and len(names) > 1 and names[-1] not in _BASIC:
        name = names.pop()
        words.remove(name)
    base = " ".join(word for word in words if word not in ("const", "volatile", "restrict", "__restrict"))
    kind = f"{base} {'*' * stars}" if stars else base
    if stars and "const" in words:
        kind = f"const {kind}"
    # libzmq's own style, not a part of the name.
    return kind, name.rstrip("_")
