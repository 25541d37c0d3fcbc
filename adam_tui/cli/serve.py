"""The command `adam-tui serve`, which shows the app in a browser.

The server itself is in `web_server`, which needs the optional packages; this module only reads the flags.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from adam_tui.cli.launch import mode_option
from adam_tui.cli.playground import build_scenario, scenario_options
from adam_tui.cli.runs import runs_option


@click.command()
@click.option("--host", default="127.0.0.1", metavar="NAME", show_default=True, help="Where to listen.")
@click.option(
    "--port", type=click.IntRange(1, 65535), default=8000, metavar="N", show_default=True, help="The port there."
)
@click.option("--url", metavar="URL", help="The address that browsers use, where it is another one.")
@scenario_options
@mode_option
@runs_option
def serve(host: str, port: int, url: str | None, mode: str, runs: Path | None, **flags: Any) -> None:
    """Show the app in a browser, to this machine only unless --host says otherwise."""
    scenario = build_scenario(**flags)
    try:
        from adam_tui.cli import web_server
    except ImportError:
        raise click.UsageError(
            "this needs one package more: pip install 'adam-tui[serve]' (in a checkout: pip install '.[serve]')"
        ) from None
    if not web_server.is_loopback(host):
        click.echo(
            f"adam-tui: warning: everyone who reaches {host}:{port} can use the app as you, without a password: "
            "train, delete runs, write files here. Safer: leave --host away and use ssh -L 8000:localhost:8000",
            err=True,
        )
    import shlex

    runs_flag = ["--runs", str(runs.absolute())] if runs else []
    scenario_flags = scenario.to_flags() if any(flags.values()) else ()
    command = [sys.executable, "-m", "adam_tui", "--mode", mode, *runs_flag, *scenario_flags]
    web_server.serve(shlex.join(command), host, port, url)
