"""The entry point of `adam-tui` and of `python -m adam_tui`: loads the command line and runs it."""


def main() -> None:
    """Run the command line. An interrupt while it is still loading exits as quietly as a later one."""
    try:
        from adam_tui.cli.app import main as command_line
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    command_line(prog_name="adam-tui")


if __name__ == "__main__":
    main()
