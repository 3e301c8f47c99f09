"""Waiting for something that happens elsewhere: ask again until it is there or a deadline passes. No test sleeps blindly."""

import os
import signal
import socket
import subprocess
import time

BETWEEN_TRIES_SECONDS = 0.1


class NotInTime(AssertionError):
    """The deadline passed; the text says what was waited for and what was seen last."""


def until(what, ask, seconds=60, between=BETWEEN_TRIES_SECONDS):
    """The first true answer of `ask`, which is asked again and again for at most `seconds`.

    An AssertionError of `ask` counts as "not yet", so that it may simply assert; it is shown if the deadline passes.
    """
    deadline = time.monotonic() + seconds
    seen = None
    while True:
        try:
            seen = ask()
            if seen:
                return seen
        except AssertionError as error:
            seen = error
        if time.monotonic() >= deadline:
            raise NotInTime(f"{what}: not within {seconds} s; seen last: {seen!r}")
        time.sleep(between)


def free_port():
    """A port of the loopback address that nobody listens on now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Process:
    """A program that runs beside the tests, in a group of its own so that its children end with it; its output goes to a file."""

    def __init__(self, name, command, log, environment=None, folder=None):
        self.name = name
        self.log = log
        with open(log, "ab") as output:
            self.child = subprocess.Popen(
                command, env=environment, cwd=folder, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
            )

    def is_running(self):
        return self.child.poll() is None

    def said(self, most=4000):
        """The end of what it printed."""
        return self.log.read_text("utf-8", "replace")[-most:]

    def stop(self, patience=10):
        """Ends it, kindly first."""
        if self.is_running():
            self.child.terminate()
            try:
                self.child.wait(patience)
            except subprocess.TimeoutExpired:
                self.child.kill()
        self.child.wait()
        self._end_children()

    def _end_children(self):
        """What it left running in its group."""
        try:
            os.killpg(self.child.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
