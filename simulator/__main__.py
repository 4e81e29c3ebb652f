"""``python -m simulator``: the platform on the simulated cloud, from the command line."""

import argparse
import sys
from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape

from simulator.driver import (
    CONTROL_PLANE_FILE,
    BadConfigurationError,
    InterruptedRunError,
    Platform,
    Result,
    RunFailedError,
)
from simulator.summary import show_run, show_status
from tools.build import ToolError

ACTIONS = {
    "up": "make the simulated cloud what the program wants",
    "preview": "say what up would do, and do nothing",
    "refresh": "take over what the simulated cloud has become",
    "destroy": "delete everything, and prove that nothing is left behind",
    "status": "show the stack's outputs and what stands in the simulated cloud",
}
EXIT_CODES: dict[type[Exception], int] = {BadConfigurationError: 2, InterruptedRunError: 130}
EPILOG = "exit codes: 0 done; 1 failed, or something was left behind; 2 bad configuration or usage; 130 interrupted"


def parser() -> argparse.ArgumentParser:
    """The command's arguments."""
    command = argparse.ArgumentParser(
        prog="python -m simulator",
        description="Runs the real Pulumi engine against a simulated AWS account. State stays in .local/. "
        'An operation fails on demand: SIMULATOR_FAULTS=\'{"create:aws:rds/instance:Instance": "ErrorCode"}\'.',
        epilog=EPILOG,
    )
    actions = command.add_subparsers(dest="action", required=True, metavar="ACTION")
    for action, purpose in ACTIONS.items():
        sub = actions.add_parser(action, help=purpose, description=purpose.capitalize() + ".", epilog=EPILOG)
        sub.add_argument("--stack", default="local", help="stack whose settings are used (default: %(default)s)")
    return command


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; returns its exit code."""
    options = parser().parse_args(arguments)
    console, errors = Console(soft_wrap=True), Console(stderr=True, soft_wrap=True)
    platform = Platform(options.stack, control_plane=CONTROL_PLANE_FILE)
    action: str = options.action
    try:
        if action == "status":
            show_status(console, platform.state(), list(platform.open_cloud()))
            return 0
        color = sys.stdout.isatty()

        def say(line: str) -> None:
            sys.stdout.write(f"{line}\n")
            sys.stdout.flush()

        run = {
            "up": platform.up,
            "preview": platform.preview,
            "refresh": platform.refresh,
            "destroy": platform.destroy,
        }[action]
        result: Result = run(say, color=color)
        show_run(console, action, result, platform.open_cloud())
    except (RunFailedError, ToolError) as error:
        errors.print(f"[bold red]error:[/] {escape(str(error))}", highlight=False)
        return EXIT_CODES.get(type(error), 1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
