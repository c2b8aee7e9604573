import os
import socket
import time

from wit_world import exports
from wit_world.exports import lifecycle
from wit_world.imports import types


def files() -> str:
    got = []
    for attempt in (
        lambda: open("/etc/passwd").read(),
        lambda: open("/tmp/probe", "w").write("x"),
        lambda: os.listdir("/"),
    ):
        try:
            got.append(f"got {attempt()!r}")
        except OSError as error:
            got.append(type(error).__name__)
    return " ".join(got)


def network() -> str:
    got = []
    for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
        try:
            with socket.socket(socket.AF_INET, kind) as made:
                made.connect(("127.0.0.1", 9))
                got.append("connected")
        except OSError as error:
            got.append(type(error).__name__)
    return " ".join(got)


def environment() -> str:
    return f"{len(os.environ)} variables"


class Lifecycle(exports.Lifecycle):
    def describe(self) -> lifecycle.Description:
        return lifecycle.Description("probe", "0.0.0", "", "")

    def configure(self, configuration: lifecycle.Configuration) -> None:
        print("a word of python")


class Listentry(exports.Listentry):
    def check(self, instance: int, value: types.Value) -> types.CheckResult:
        if value.value == "crash":
            raise RuntimeError("told to crash")
        while value.value == "loop":
            pass
        if value.value == "sleep":
            time.sleep(3600)
        attempt = {"files": files, "network": network, "environment": environment}.get(value.value)
        message = attempt() if attempt else ""
        return types.CheckResult(7 if message else 0, message, 0, 0, None)
