"""The supervisor, as `mistudio up` starts it: `python -m mistudio.studio.launch --listener FD --lock FD`."""

from __future__ import annotations

import argparse
import sys

from mistudio.studio.launch.processes import declared
from mistudio.studio.launch.supervisor import Supervisor
from mistudio.studio.launch.up import environment_of, supervisor_command
from mistudio.studio.settings import load_settings


def main() -> int:
    """Supervise until told to stop."""
    parser = argparse.ArgumentParser(prog="python -m mistudio.studio.launch")
    parser.add_argument("--listener", type=int, required=True)
    parser.add_argument("--lock", type=int, required=True)
    parser.add_argument("--take-over", action="store_true")
    given = parser.parse_args()
    settings = load_settings()
    supervisor = Supervisor(
        settings,
        declared(settings, given.listener),
        environment_of(settings),
        given.listener,
        again=supervisor_command(given.listener),
    )
    return 0 if supervisor.run(take_over=given.take_over) else 1


if __name__ == "__main__":
    sys.exit(main())
