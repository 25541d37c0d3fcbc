"""`python -m adam_tui` is `adam-tui`."""

from adam_tui.cli import main

main(prog_name="adam-tui")
