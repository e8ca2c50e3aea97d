"""A studio that starts in a moment: a real supervisor and real processes that do next to nothing.

python small_studio.py --listener FD --lock FD [--take-over]      the supervisor
python small_studio.py answer FD | work | once | crash READY_FILE  one process
"""

from __future__ import annotations

import argparse
import http.server
import os
import signal
import socket
import subprocess
import sys
from functools import partial
from pathlib import Path


def supervise() -> None:
    from mistudio.studio.launch.processes import Process, announced, declared
    from mistudio.studio.launch.supervisor import Supervisor
    from mistudio.studio.launch.up import environment_of
    from mistudio.studio.settings import load_settings

    parser = argparse.ArgumentParser()
    parser.add_argument("--listener", type=int)
    parser.add_argument("--lock", type=int)
    parser.add_argument("--take-over", action="store_true")
    parser.add_argument("--crash", action="store_true")
    given = parser.parse_args()
    settings = load_settings()

    def small(name: str, *arguments: str, **more: object) -> Process:
        ready_file = settings.run_dir / f"{name}.ready"
        command = (sys.executable, __file__, *arguments, str(ready_file))
        return Process(name, name, command, partial(announced, ready_file), **more)

    postgres = next(process for process in declared(settings, given.listener) if process.name == "postgres")
    table = [
        postgres,
        small("once", "once", after=("postgres",), once=True),
        small("api-1", "answer", str(given.listener), after=("once",), answers=True),
        small("api-2", "answer", str(given.listener), after=("once",), answers=True),
        small("worker-1", "crash" if given.crash else "work", after=("once",)),
    ]
    again = [sys.executable, __file__, "--listener", str(given.listener)]
    supervisor = Supervisor(settings, table, environment_of(settings), given.listener, again=again)
    sys.exit(not supervisor.run(take_over=given.take_over))


def answer(descriptor: int, ready_file: Path) -> None:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    server = http.server.HTTPServer(("", 0), Handler, bind_and_activate=False)
    server.socket = socket.socket(fileno=descriptor)
    ready_file.write_text(str(os.getpid()))
    server.serve_forever()


def work(ready_file: Path) -> None:
    """Start something that does not hear a polite request, and wait."""
    subprocess.Popen(
        [sys.executable, "-c", "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"]
    )
    ready_file.write_text(str(os.getpid()))
    signal.pause()


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["answer", descriptor, ready_file]:
            answer(int(descriptor), Path(ready_file))
        case ["work", ready_file]:
            work(Path(ready_file))
        case ["crash", _]:
            sys.stderr.write("the turntable is warped\n")
            sys.exit(7)
        case ["once", _]:
            pass
        case _:
            supervise()
