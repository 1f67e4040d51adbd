"""Texts for the fuzzer: odd ones, and such as match a pattern of AWS's model."""

import random
import re
import string

# What breaks programs that trust their input.
ODD = [
    "",
    " ",
    "\0",
    "a\0b",
    "\n",
    "\r\nX-Injected: 1",
    "\u202e\u200b\ufeff",
    "🦀" * 50,
    "é" * 300,
    "ﬀ",
    "K",
    "\U0010ffff",
    "' OR '1'='1",
    "'; DROP TABLE repository; --",
    '"}]}',
    '{"a":[',
    "(a+)+$",
    "((((((((((",
    ".*" * 200,
    "[" * 2000,
    "%s%n%00%2e%2e",
    "../../../etc/passwd",
    "a/../b",
    "a//b",
    "sha256:" + "0" * 64,
    "sha256:" + "F" * 64,
    "sha512:00",
    "sha256:",
    ":",
    "null",
    "true",
    "-1",
    "9" * 400,
    "1e999",
    "NaN",
    "arn:aws:ecr:us-east-1:000000000000:repository/",
    "arn:aws:iam::000000000000:role/x",
    "arn:" + "a:" * 500,
    "*",
    "****",
    "a" * 255,
    "a" * 256,
    "a" * 257,
    "a/" * 128,
    "x" * 70_000,
    "<script>alert(1)</script>",
    "${jndi:ldap://x}",
    "http://169.254.169.254/",
    "\ud800",
]

_parser = getattr(re, "_parser", None) or __import__("sre_parse")
_WORDS = string.ascii_letters + string.digits + "_"
_ANY = string.ascii_letters + string.digits + "-_./:*@ +=,"
_CATEGORIES = {
    "CATEGORY_DIGIT": string.digits,
    "CATEGORY_NOT_DIGIT": string.ascii_letters,
    "CATEGORY_SPACE": " \t\n",
    "CATEGORY_NOT_SPACE": _WORDS,
    "CATEGORY_WORD": _WORDS,
    "CATEGORY_NOT_WORD": "-./ ",
}


def matching(pattern: str, rng: random.Random) -> str:
    """A text that matches a pattern, if it is one that Python knows."""
    try:
        parsed = _parser.parse(re.sub(r"\\p\{\w+\}", "a", pattern))
    except (re.error, OverflowError):
        return rng.choice(ODD)
    return "".join(_part(op, argument, rng) for op, argument in parsed)


def _part(op, argument, rng: random.Random) -> str:
    name = str(op)
    if name == "LITERAL":
        return chr(argument)
    if name == "NOT_LITERAL":
        return rng.choice([c for c in _ANY if ord(c) != argument])
    if name == "ANY":
        return rng.choice(_ANY)
    if name == "IN":
        return _one_of(argument, rng)
    if name in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
        least, most, inner = argument
        count = rng.randint(least, min(int(most), least + rng.choice([0, 1, 3, 12])))
        return "".join(_part(o, a, rng) for _ in range(count) for o, a in inner)
    if name == "SUBPATTERN":
        return "".join(_part(o, a, rng) for o, a in argument[-1])
    if name == "BRANCH":
        return "".join(_part(o, a, rng) for o, a in rng.choice(argument[1]))
    # Anchors and what looks ahead.
    return ""


def _one_of(items, rng: random.Random) -> str:
    if str(items[0][0]) == "NEGATE":
        taken = {c for item in items[1:] for c in _characters(*item)}
        return rng.choice([c for c in _ANY if c not in taken] or ["~"])
    return rng.choice(_characters(*rng.choice(items)))


def _characters(op, argument) -> str:
    name = str(op)
    if name == "LITERAL":
        return chr(argument)
    if name == "RANGE":
        low, high = argument
        return "".join(map(chr, range(low, min(high, low + 200) + 1)))
    return _CATEGORIES.get(str(argument), "a")
