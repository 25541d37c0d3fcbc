"""The private names of Textual that the program uses. A Textual release may change them without notice.

Each has a test that names what depends on it. The scans below prove that the list is complete, and that only the
folder `terminal` uses private names.
"""

import ast
import importlib
import inspect
import re
from functools import cache
from importlib.metadata import version
from pathlib import Path

import pytest
import textual
from textual import _ansi_sequences, _compositor, _xterm_parser
from textual.app import App
from textual.driver import Driver
from textual.drivers import _writer_thread
from textual.drivers.linux_driver import LinuxDriver
from textual.drivers.web_driver import WebDriver
from textual.message_pump import MessagePump
from textual.widgets.markdown import MarkdownBlock
from textual_serve.app_service import AppService
from textual_serve.server import Server

import adam_tui

PACKAGE = Path(adam_tui.__file__).parent
# Class, private name, and the purpose for which the program uses it.
NAMES = [
    (App, "_batch_count", "skip painting while Textual holds back its updates"),
    (App, "_display", "paint the updates of the screen itself"),
    (App, "_driver", "write to the terminal"),
    (App, "_exit", "tell an error during shutdown from one that ends the app"),
    (App, "_exit_renderables", "drop the traceback that Textual would print"),
    (App, "_handle_exception", "report an error in one line and a file, not in pages of traceback"),
    (App, "_notifications", "show equal notifications once"),
    (App, "_return_code", "keep the exit status when an error follows the end"),
    (App, "_sync_available", "put synchronized output around a frame where the terminal supports it"),
    (App, "_unnotify", "show equal notifications once"),
    (MessagePump, "_closed", "not paint after the end"),
    (MessagePump, "_parent", "follow a key from the focus to the app"),
    (MessagePump, "_running", "not paint before the start"),
    (Driver, "_app", "end the app on a signal"),
    (Driver, "_debug", "make a parser of the input with the driver's settings"),
    (Driver, "_loop", "reach the app from the reading thread and from signals"),
    (Driver, "_size", "lay out the first screen in the size of the terminal, not of COLUMNS and LINES"),
    (LinuxDriver, "_file", "write to stdout, and drop text for a lost terminal"),
    (
        LinuxDriver,
        "_get_terminal_size",
        "ask the terminal for its size, not COLUMNS and LINES",
    ),
    (LinuxDriver, "_must_signal_resume", "set the terminal up again after SIGSTOP"),
    (LinuxDriver, "_sigcont_application", "continue after a stop"),
    (LinuxDriver, "_sigtstp_application", "stop for the shell"),
    (LinuxDriver, "_writer_thread", "end although the terminal is blocked"),
    (WebDriver, "_write", "write all of the output, or nothing where the server has gone"),
    (_writer_thread.WriterThread, "_queue", "end although the terminal is blocked"),
    (MarkdownBlock, "_blocks", "draw a table of a page as one widget"),
    (MarkdownBlock, "_content", "draw a table of a page as one widget"),
    (MarkdownBlock, "_token", "draw a table of a page as one widget"),
]
# Of textual-serve, for `adam-tui serve`. They are used in cli/web_server.py, which extends its two classes.
SERVE_NAMES = [
    (AppService, "_build_environment", "start an app with the driver of this program"),
    (AppService, "_download_manager", "end the downloads of an app that has quit"),
    (AppService, "_open_app_process", "start an app without a shell"),
    (AppService, "_process", "end the process of an app"),
    (AppService, "_stdin", "send input to an app"),
    (AppService, "_task", "wait for the end of an app"),
    (Server, "_make_app", "ask for the token, and close malformed connections"),
]
# Public names that no documentation promises.
UNDOCUMENTED = [
    (LinuxDriver, "attrs_before", "restore the settings from before the first picture"),
    (LinuxDriver, "exit_event", "stop reading at the end"),
    (LinuxDriver, "fileno", "read the keys"),
    (LinuxDriver, "run_input_thread", "read input that is not UTF-8, and notice a lost terminal"),
    (LinuxDriver, "suspend_application_mode", "give the terminal back after SIGSTOP"),
    (App, "post_display_hook", "let tests wait for a painted screen"),
]
NOT_PRIVATE = {"_exit", "_fields", "_replace", "_asdict"}  # of os, and of named tuples
PRIVATE = re.compile("_[^_]")
LIBRARIES = ("textual", "textual_serve")


@cache
def names_in(kind):
    """The attributes that one class of Textual defines, or assigns in its methods."""
    assigned = re.findall(r"self\.(\w+)\b(?:\s*:[^=\n]+)?\s*=[^=]", inspect.getsource(kind))
    return {*vars(kind), *getattr(kind, "__annotations__", {}), *assigned}


def names_of(kind):
    """All attributes of a class and its instances, as far as Textual defines them."""
    return set().union(*(names_in(each) for each in kind.__mro__ if each.__module__.split(".")[0] in LIBRARIES))


@pytest.mark.parametrize(("kind", "name", "purpose"), NAMES + SERVE_NAMES + UNDOCUMENTED, ids=str)
def test_textual_has_the_name(kind, name, purpose):
    library = kind.__module__.split(".")[0].replace("_", "-")
    assert name in names_of(kind), (
        f"{library} {version(library)} has no {kind.__name__}.{name}. The program needs it to {purpose}."
    )


@pytest.mark.parametrize(
    ("function", "parameters", "purpose"),
    [
        (App._display, ["self", "screen", "renderable"], "paint the updates of the screen itself"),
        (App._handle_exception, ["self", "error"], "report an error in one line and a file"),
        (_xterm_parser.XTermParser.__init__, ["self", "debug"], "read the keys"),
        (_compositor.LayoutUpdate.__init__, ["self", "strips", "region"], "paint a whole screen"),
        (_compositor.ChopsUpdate.__init__, ["self", "chops", "spans", "chop_ends"], "paint the parts that changed"),
    ],
)
def test_textual_has_the_parameters(function, parameters, purpose):
    assert list(inspect.signature(function).parameters) == parameters, (
        f"Textual {textual.__version__} changed {function.__qualname__}. adam_tui.terminal needs it to {purpose}."
    )


def test_synchronized_output_has_the_sequences_of_terminals():
    assert (_ansi_sequences.SYNC_START, _ansi_sequences.SYNC_END) == ("\x1b[?2026h", "\x1b[?2026l")


def test_a_parser_of_the_input_takes_text_and_time():
    parser = _xterm_parser.XTermParser(False)
    assert [message.key for message in parser.feed("a")] == ["a"]
    assert list(parser.tick()) == []


# The scans.


class Module:
    """One module of ours, read for private names."""

    def __init__(self, path):
        self.name = ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
        self.tree = ast.parse(path.read_text("utf-8"))

    def imported(self):
        """The private modules and names that it imports from Textual."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "textual":
                for each in node.names:
                    if any(map(PRIVATE.match, (*node.module.split("."), each.name))):
                        yield f"{node.module}.{each.name}"

    def defined(self):
        """The names that it defines: functions, variables, and attributes that it assigns."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield node.name
            elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
                yield node.attr
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                yield node.id

    def used(self):
        """The private attributes that it uses."""
        return private_attributes(self.tree) - NOT_PRIVATE

    def inherited(self):
        """The private names that its classes share with the Textual classes that they extend."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.ClassDef):
                kind = getattr(importlib.import_module(self.name), node.name, object)
                methods = {each.name for each in node.body if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)}
                own = {name for name in methods if PRIVATE.match(name)} | private_attributes(node, "self")
                yield from own & names_of(kind)


def private_attributes(tree, owner=None):
    """The private attributes in a piece of code; with an owner only those of that name."""
    attributes = (node for node in ast.walk(tree) if isinstance(node, ast.Attribute) and PRIVATE.match(node.attr))
    return {node.attr for node in attributes if owner in (None, ast.unparse(node.value))}


MODULES = {
    folder: [Module(path) for path in sorted((PACKAGE / folder).rglob("*.py"))] for folder in ("terminal", "ui", "cli")
}


def private_names(modules):
    """The private names that modules use and do not define, and those that their classes inherit from the libraries."""
    defined = {name for module in modules for name in module.defined()}
    return set().union(*({*(module.used() - defined), *module.inherited()} for module in modules))


def test_the_list_above_is_complete():
    assert private_names(MODULES["terminal"]) == {name for _, name, _ in NAMES}


def test_no_other_folder_uses_a_private_name_of_textual():
    others = [*MODULES["ui"], *MODULES["cli"]]
    assert [name for module in others for name in module.imported()] == []
    assert private_names(others) == {name for _, name, _ in SERVE_NAMES}
    assert private_names(MODULES["ui"]) == set()
