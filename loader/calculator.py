"""Computes what a macro of a C header stands for, for `header`, which reads them.

A header is somebody else's text: nothing of it is executed, no number grows beyond C's integers, and nothing nests
deeper than any header does.
"""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Union

    Value = Union[int, str]

__all__ = ["Calculator"]


class Calculator:
    """Computes the value of a macro: numbers, names of other macros, parentheses, strings and C's integer operators.

    Anything else, and anything too big to be a C integer, has no value.
    """

    _TOKEN = re.compile(
        r"""\s*(?:(?P<number>0[xX][0-9a-fA-F]+|\d+)(?:[uU]?[lL]{0,2}[uU]?)\b | (?P<name>[A-Za-z_]\w*)
            | (?P<string>"(?:\\.|[^"\\])*") | (?P<operator><<|>>|[-+*/%|&^~()]))""",
        re.X,
    )
    _PRECEDENCE = {"|": 1, "^": 2, "&": 3, "<<": 4, ">>": 4, "+": 5, "-": 5, "*": 6, "/": 6, "%": 6}
    _LIMIT = 1 << 64
    # Deeper than any header goes, and far from Python's own limit.
    _DEPTH = 40

    def __init__(self, text: str, macros: dict[str, str], computed: dict[str, Value | None], depth: int = 0) -> None:
        self.macros = macros
        # Each name is computed once, however many others are made of it.
        self.computed = computed
        self.depth = depth
        self.tokens: list[tuple[str, str]] = []
        self.next = 0
        end = 0
        text = text.rstrip()
        while end < len(text):
            match = self._TOKEN.match(text, end)
            if not match or match.lastgroup is None:
                self.tokens = []
                break
            self.tokens.append((match.lastgroup, match.group(match.lastgroup)))
            end = match.end()

    def value(self) -> Value | None:
        """The value, or None if the text has none."""
        try:
            result = self._binary(1)
        except (IndexError, ValueError, ZeroDivisionError, TypeError):
            return None
        return result if self.tokens and self.next == len(self.tokens) else None

    def _peek(self) -> str:
        if self.next < len(self.tokens) and self.tokens[self.next][0] == "operator":
            return self.tokens[self.next][1]
        return ""

    def _binary(self, least: int) -> Value:
        left = self._unary()
        while self._PRECEDENCE.get(self._peek(), 0) >= least:
            operator = self._peek()
            self.next += 1
            right = self._binary(self._PRECEDENCE[operator] + 1)
            left = self._apply(operator, left, right)
        return left

    def _apply(self, operator: str, left: Value, right: Value) -> int:
        if isinstance(left, str) or isinstance(right, str):
            raise ValueError("strings have no arithmetic")
        if operator in ("<<", ">>"):
            if not 0 <= right < 64:
                raise ValueError("shift out of range")
            result = left << right if operator == "<<" else left >> right
        elif operator in ("/", "%"):
            # C cuts towards zero where Python rounds down.
            quotient = abs(left) // abs(right)
            quotient = quotient if (left < 0) == (right < 0) else -quotient
            result = quotient if operator == "/" else left - quotient * right
        else:
            result = {
                "|": left | right,
                "^": left ^ right,
                "&": left & right,
                "+": left + right,
                "-": left - right,
                "*": left * right,
            }[operator]
        if not -self._LIMIT < result < self._LIMIT:
            raise ValueError("not a C integer")
        return result

    def _unary(self) -> Value:
        self.depth += 1
        if self.depth > self._DEPTH:
            raise ValueError("nested too deeply")
        try:
            kind, text = self.tokens[self.next]
            self.next += 1
            if kind == "number":
                return self._number(text)
            if kind == "string":
                return self._string(text)
            if kind == "name":
                return self._name(text)
            if text == "(":
                inner = self._binary(1)
                if self._peek() != ")":
                    raise ValueError("unbalanced")
                self.next += 1
                return inner
            operand = self._unary()
            if isinstance(operand, str) or text not in ("-", "+", "~"):
                raise ValueError("no value")
            return {"-": -operand, "+": operand, "~": ~operand}[text]
        finally:
            self.depth -= 1

    @staticmethod
    def _number(text: str) -> int:
        if len(text) > 24:
            raise ValueError("not a C integer")
        octal = text.startswith("0") and text.isdigit()
        return int(text, 8 if octal else 0)

    def _string(self, text: str) -> str:
        value = text[1:-1]
        while self.next < len(self.tokens) and self.tokens[self.next][0] == "string":
            value += self.tokens[self.next][1][1:-1]
            self.next += 1
        if "\\" in value:
            raise ValueError("escapes are not read")
        return value

    def _name(self, name: str) -> Value:
        if name not in self.computed:
            # No value yet: a macro that is made of itself has none.
            self.computed[name] = None
            if name in self.macros:
                text = self.macros[name]
                self.computed[name] = Calculator(text, self.macros, self.computed, self.depth).value()
        value = self.computed[name]
        if value is None:
            raise ValueError("a name without a value")
        return value
