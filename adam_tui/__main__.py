"""`adam-tui`, and `python -m adam_tui`: the command line, once it is loaded."""


def main() -> None:
    """Run it; an interrupt before there is anything to interrupt is as quiet as a later one."""
    try:
        from adam_tui.cli.app import main as command_line
    except KeyboardInterrupt:
        raise SystemExit(128 + 2) from None
    command_line(prog_name="adam-tui")


if __name__ == "__main__":
    main()
