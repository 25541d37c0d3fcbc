"""The private words that the code once had do not come back: not in names, docstrings or comments.

Each word of the two lists hid a common noun or verb of the field; the list says which one to use. Ordinary English is
free: a word is forbidden in prose only where it stood for something else.
"""

import ast
import io
import itertools
import re
import tokenize
from pathlib import Path

import pytest

import adam_tui

PACKAGE = Path(adam_tui.__file__).parent

# Words of names, each with better ones.
NAMES = {
    "tell tells teller told": "emit, report, record; or the noun: events, text",
    "say says said": "print, report, show; or the noun: message, text",
    "found": "result, matches, or the noun of what was searched for",
    "look looks looked": "read, refresh, poll; style",
    "notice notices noticed": "detect, observe; message",
    "whoever whatever": "the noun: user, process, reader",
    "spelling spelled": "encode, encoded",
    "alike": "same, equal",
    "exhibit exhibits gallery": "preset, presets",
    "at_work at_rest": "active, running; idle, converged",
}
# Names of actions, which people's settings hold.
CONTRACTS = {"next_exhibit", "gallery"}

# Modules and classes that have other names now.
RENAMED = {
    "alike": "same_cell",
    "board": "tensorboard_log",
    "byhand": "manual_backward",
    "devices": "device_names",
    "finding": "search",
    "force": "kill",
    "gauges": "resource_usage",
    "growing": "series",
    "Growing": "GrowableArray",
    "harmless": "sanitize",
    "line": "flow_control",
    "listing": "report",
    "machine": "device_setup",
    "mistakes": "errors",
    "other_words": "synonyms",
    "own_keys": "keymap",
    "own_themes": "theme_names",
    "Places": "OffsetIndex",
    "plain": "sanitize",
    "reading": "metrics_reader or json_fields",
    "screen_memory": "screen_buffer",
    "sturdy_driver": "posix_driver",
    "takeaway": "export",
    "Tested": "EpochResult",
    "turn": "device_queue",
    "turned": "pending_settings",
    "words": "labels",
}

# Phrases of docstrings and comments, each with plain ones.
PHRASES = {
    r"\b(?:told|tells?)\b(?! apart)": "report, record, pass, write",
    r"\b(?:is|are|was|were|be|been|it) said\b|\bsaid (?:so|to be)\b|\bsays so\b": "report, show, print",
    r"\bat (?:work|rest)\b": "active, running; idle, converged",
    r"\bis (?-i:none)\b": "there is no …; None where …",
    r"\bwhoever\b|\bwhatever\b(?! (?:the|its|their)\b)": "the noun: a user, a process, any value",
    r"\bthat it is of\b|\bthe one that\b": "the noun",
    r"\b(?:a|the) person's\b|\bsomebody else's\b": "a usage error; a user's, another process's",
    r"\b(?:as it comes|as they come)\b": "Raises …",
    r"\bholds? nobody up\b": "does not delay",
    r"\bheard of\b": "that never completes",
}
# A sentence that begins with one of these, and is no question, has no subject: "What was read is kept."
HEADLESS = re.compile(r"(?:^|[.:;!?]\s+)((?:What|Whoever|Whatever)\b[^.?!]*[.!])", re.MULTILINE)

# Sentences of the table, and how they read now.
SENTENCES = {
    "What breaks after it was told to end is none.": "Errors during shutdown are ignored.",
    "a terminal which takes nothing more holds nobody up": "A blocked terminal does not delay the exit.",
    "all of them where nothing is said": "Fields not listed here redraw every panel.",
    "for one whose end is not heard of": "for an event that never completes",
    "a mistake of the person's": "a usage error",
    "OSError as it comes": "Raises OSError",
    "A file with a mistake in it is said to be so": "Mistakes in the file are reported.",
}

FILES = sorted(PACKAGE.rglob("*.py"))
DOCUMENTED = (ast.Module, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def names_in(tree):
    """Every name that a module defines, with its line."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.lineno, node.name
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg
        elif isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id if isinstance(node, ast.Name) else node.attr
        elif isinstance(node, ast.alias) and node.asname:
            yield node.lineno, node.asname


def better_name(name):
    """A better word for a name with a private word in it, else None."""
    if name in CONTRACTS:
        return None
    parts = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()  # JsonLines: json_lines
    words = f"_{parts.strip('_')}_"
    for private, better in NAMES.items():
        if any(f"_{word}_" in words for word in private.split()):
            return better
    return None


def problems_of_names(path):
    """The private names in a file: its own, those of its classes, and all words of the names that it defines."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    classes = [(node.lineno, node.name) for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    for line, name in [(1, path.stem), *classes]:
        if name in RENAMED:
            yield line, f"{name} is called {RENAMED[name]} now"
    for line, name in sorted({(1, path.stem), *names_in(tree)}):
        if better := better_name(name):
            yield line, f"{name}: better {better}"


def prose_in(source):
    """Every docstring, and every block of comments as one text, with its first line."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, DOCUMENTED) and (text := ast.get_docstring(node)):
            yield node.body[0].lineno, text
    lines = {}
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            lines[token.start[0]] = token.string.lstrip("# ")
    for line in lines:
        if line - 1 not in lines:
            block = itertools.takewhile(lines.__contains__, itertools.count(line))
            yield line, "\n".join(lines[each] for each in block)


def problems_of_prose(path):
    """The private phrases in a file's docstrings and comments."""
    for line, text in prose_in(path.read_text(encoding="utf-8")):
        for offset, problem in problems_of_text(text):
            yield line + offset, problem


def problems_of_text(text):
    """Phrases of the list, and sentences without a subject, each with its line in the text."""
    for pattern, better in PHRASES.items():
        for match in re.finditer(pattern.replace(" ", r"\s+"), text, re.IGNORECASE):
            yield text.count("\n", 0, match.start()), f"{' '.join(match[0].split())!r}: better {better}"
    for match in HEADLESS.finditer(text):
        yield text.count("\n", 0, match.start(1)), f"{' '.join(match[1].split())[:50]!r}: begin with the subject"


@pytest.mark.parametrize("problems_of", [problems_of_names, problems_of_prose])
def test_no_private_word_has_come_back(problems_of):
    lines = [f"{path.relative_to(PACKAGE.parent)}:{line}: {it}" for path in FILES for line, it in problems_of(path)]
    assert not lines, "\n".join(lines)


@pytest.mark.parametrize(("private", "plain"), SENTENCES.items())
def test_a_private_sentence_is_reported_and_a_plain_one_is_not(private, plain):
    assert list(problems_of_text(private))
    assert not list(problems_of_text(plain))


@pytest.mark.parametrize("name", ["told", "Teller", "_looks_at", "saidInOneLine", "at_work", "found"])
def test_a_private_name_is_reported(name):
    assert better_name(name)


@pytest.mark.parametrize("name", ["foundation", "outlook", "retell", "network", "noticeable", "next_exhibit"])
def test_a_name_with_such_letters_is_not(name):
    assert better_name(name) is None
