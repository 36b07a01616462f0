"""The helper process: one for a program, however many connections it has open.

The extension starts it and passes it one end of a socket for each of the program's
connections, over the control socket, which is file descriptor 3. Each is served by a
thread of its own.

Theory of operation. What the extension has started says that it is ready when all is
imported, and leaves the work to a child, so that the program has no child that it
does not know of. A helper ends when

- the control socket does: the program has ended. What still runs is interrupted, and
  gets a moment to write down what is known of it;
- it has had no connection for a minute. The extension starts another when it needs one.

Its standard output and error are a file, of which the extension shows the last line.
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import signal
import socket
import sys
import threading
import time

from dovtab.hosts.pipe.channel import Channel

CONTROL = 3
READY = b"R"
IDLE_SECONDS = 60.0
# More than programs have open; what the system allows may be a thousand million.
MOST_FILES = 1 << 16
# To write down what is known of an action whose program is gone.
LAST_SECONDS = 5.0


def main() -> None:
    """Serve the program that has started this process."""
    faulthandler.enable()
    if os.fork():
        os._exit(0)
    os.setsid()
    # Programs leave files open, and a helper must not keep them.
    os.closerange(CONTROL + 1, MOST_FILES)
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    with socket.socket(fileno=CONTROL) as control:
        threads = serve(control)
    ends_at = time.monotonic() + LAST_SECONDS
    for thread in threads:
        thread.join(max(0.0, ends_at - time.monotonic()))
    sys.stdout.flush()
    # No thread that still waits for an answer is waited for.
    os._exit(0)


def serve(control: socket.socket) -> list[threading.Thread]:
    """Serve every connection that is passed here until there are no more; gives those left."""
    threads: list[threading.Thread] = []
    control.settimeout(IDLE_SECONDS)
    with contextlib.suppress(BrokenPipeError):
        control.sendall(READY)
    while True:
        try:
            came, passed, _, _ = socket.recv_fds(control, 1, 1)
        except TimeoutError:
            came, passed = READY, []
        except OSError:
            came, passed = b"", []
        threads = [thread for thread in threads if thread.is_alive()]
        for descriptor in passed:
            connection = socket.socket(fileno=descriptor)
            connection.set_inheritable(False)
            serve_one = Channel(connection).serve
            thread = threading.Thread(target=serve_one, name="dovtab connection", daemon=True)
            thread.start()
            threads.append(thread)
        if not came or not threads:
            return threads
