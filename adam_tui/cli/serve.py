"""The command `adam-tui serve`, which shows the app in a browser.

The server itself is in `web_server`, which needs the optional packages; this module only reads the flags.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from adam_tui.cli.flags import Command
from adam_tui.cli.launch import mode_option, theme_option
from adam_tui.cli.names import THEMES
from adam_tui.cli.playground import SCENARIO_NAMES, build_scenario, scenario_options
from adam_tui.cli.runs import runs_option
from adam_tui.runs import processes


@click.command(cls=Command, names={**SCENARIO_NAMES, "--theme": THEMES})
@click.option("--host", default="127.0.0.1", metavar="NAME", show_default=True, help="Where to listen.")
@click.option(
    "--port", type=click.IntRange(1, 65535), default=8000, metavar="N", show_default=True, help="The port there."
)
@click.option("--url", metavar="URL", help="The address that browsers use, where it differs.")
@click.option("--no-token", is_flag=True, help="Let everyone in who can reach the address, without a token.")
@scenario_options
@mode_option
@theme_option
@runs_option
def serve(
    host: str,
    port: int,
    url: str | None,
    no_token: bool,
    mode: str,
    theme: str | None,
    runs: Path | None,
    **flags: Any,
) -> None:
    """Show the app in a browser.

    Only this machine can open it, unless --host names another address. The printed address holds a token, and the page
    does not open without it.
    """
    scenario = build_scenario(**flags, imports="never")  # the app imports classes
    try:
        from adam_tui.cli import web_server
    except ImportError:
        raise click.UsageError(
            "this needs one package more: pip install 'adam-tui[serve]' (in a checkout: pip install '.[serve]')"
        ) from None
    is_local = web_server.is_loopback(host)
    if no_token or not is_local:
        click.echo(f"adam-tui: warning: {_warning(host, port, no_token, is_local)}", err=True)
    app_flags = ["--mode", mode, *(["--theme", theme] if theme else [])]
    app_flags += ["--runs", str(runs.absolute())] if runs else []
    if flags["preset"] is not None:
        scenario_flags = ["--preset", flags["preset"]]  # with its caption
    else:
        scenario_flags = scenario.to_flags() if any(flags.values()) else []
    arguments = processes.module_command("adam_tui", *app_flags, *scenario_flags)
    web_server.serve(arguments, host, port, url, token=not no_token)


def _warning(host: str, port: int, no_token: bool, is_local: bool) -> str:
    """The dangers of an open server, in one line."""
    if is_local:
        return (
            f"every user and program of this machine can use {host}:{port} as you, without a token: "
            "train, delete runs, write files here"
        )
    return (
        f"everyone who reaches {host}:{port} {'without a token' if no_token else 'and has the token'} can use the app "
        "as you: train, delete runs, write files here; the connection is not encrypted. "
        f"Safer: leave --host away and use ssh -L {port}:localhost:{port}"
    )
