"""The bridge to Ray as a process: `python -m adam_tui.training.ray_bridge [--address A] [--slots N] SWEEPDIR`.

It trains the trials of a sweep on the nodes of a Ray cluster, one actor a slot. It claims the trials and writes the
journal as a slot runner does (`sweeps.work`); the training itself is in the actors (`node_slot`), whose files it copies
into the sweep's directory. An actor ends with this process. The only module that imports Ray.
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import re
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import ray
from ray.exceptions import ActorUnavailableError, GetTimeoutError, RayError, RayTaskError

import adam_tui
from adam_tui.runs.device_names import SHARED_CORES
from adam_tui.sweeps.executor import THREADS
from adam_tui.sweeps.ray_executor import ERROR, MESSAGE, check_device, cores_a_slot, gpu_share
from adam_tui.sweeps.run_copy import RunCopy
from adam_tui.sweeps.supervisor import UNUSABLE
from adam_tui.sweeps.sweep import Sweep
from adam_tui.sweeps.work import Leg, Worker
from adam_tui.training.node_slot import Command, NodeSlot, Report
from adam_tui.training.worker import STOP_SIGNALS

CONNECT_SECONDS, START_SECONDS = 20.0, 120.0  # to a cluster; to start one on this host
POLL_SECONDS = 0.25  # as often as the training reports its losses
CHECKPOINTS_A_SECOND = 10.0  # of all slots together: 15 MB
CALL_SECONDS = 30.0  # an actor that does not answer for so long is lost
RETRY_SECONDS = 0.5
CLOSE_SECONDS = 2.0  # for an actor to remove its files before it is killed
WAIT_SECONDS = 0.5  # between two readings of the sweep's state by a slot without a node
PENDING_SECONDS = 20.0  # after which a slot without a node is reported
CAUSE = re.compile(r"[\w.]*(Error|Exception)\b")
MAX_FAILURES = 5  # actors in a row that trained no leg, after which a slot is left out


class Relay:
    """Takes the commands for a leg, and keeps them until the next call of its actor."""

    def __init__(self) -> None:
        self._commands: list[Command] = []

    def add_command(self, command: str, **values: Any) -> None:
        """Give the command stop, kill, pause or resume."""
        self._commands.append((command, values))

    def take(self) -> list[Command]:
        """The commands since the last call."""
        taken = self._commands[:]
        del self._commands[: len(taken)]
        return taken


class NodeLostError(Exception):
    """The actor of a slot has ended; the argument is the reason."""


class Slot:
    """A slot of the sweep on whichever node has room for it."""

    def __init__(self, bridge: Bridge, number: int) -> None:
        self.bridge, self.number = bridge, number
        self.sweep = Sweep(bridge.sweep.path)  # each thread reads the journals for itself
        self.worker: Worker | None = None
        self.problem = ""  # why the slot was left out
        self._actor: Any = None
        self._node = ""
        self._is_lost = False
        self._legs = 0

    def run(self) -> None:
        """Train until the sweep is over or stopped, on a new node after the loss of one. Raises OSError, ValueError."""
        failures = 0
        while not self._is_done():
            try:
                if not self._find_node():
                    return
            except NodeLostError as error:
                failures += 1
                self.problem = str(error)
                if failures >= MAX_FAILURES:
                    self.bridge.message(f"slot {self.number} is left out: {self.problem}")
                    return
                continue
            self._is_lost, self._legs, self.problem = False, 0, ""
            self.worker = Worker(self.sweep, self._train, f"ray{self.number}-{self._node}")
            if self.bridge.stopping:
                self.worker.stop(self.bridge.stopping)
            try:
                self.worker.work()
            finally:
                self.worker = None
                self._drop()
            if not self._is_lost:
                return
            failures = 0 if self._legs else failures + 1

    def _is_done(self) -> bool:
        if self.bridge.stopping or self.sweep.is_gone:
            return True
        return self.sweep.order() == "stop" or self.sweep.record().is_over

    def _find_node(self) -> bool:
        """Start the actor; False when the sweep has ended meanwhile. Raises NodeLostError when it cannot start."""
        began, is_reported, self._node = time.monotonic(), False, ""
        self._actor = self.bridge.new_actor()
        ready = self._actor.__ray_ready__.remote()
        while not ray.wait([ready], timeout=WAIT_SECONDS)[0]:
            if self._is_done():
                self._drop()
                return False
            if not is_reported and time.monotonic() - began > PENDING_SECONDS:
                is_reported = True
                self.bridge.message(f"slot {self.number} waits for a free node of the cluster")
        try:
            ray.get(ready)
            self._node = ray.get(self._actor.__ray_call__.remote(name_node), timeout=CALL_SECONDS)
        except RayError as error:
            self._drop()
            raise NodeLostError(one_line(error)) from None
        return True

    def _drop(self) -> None:
        """End the actor, which removes its files first where it still answers."""
        if self._node and not self._is_lost:
            with contextlib.suppress(RayError, ValueError):
                ray.wait([self._actor.close.remote()], timeout=CLOSE_SECONDS)
        with contextlib.suppress(RayError, ValueError):
            ray.kill(self._actor)

    def _train(self, leg: Leg) -> tuple[str, str]:
        """Train a leg on the node. Raises OSError, ValueError as `TrainLeg` may."""
        relay = Relay()
        copy = RunCopy(leg.run)
        ended = False
        try:
            with leg.attended(relay):
                end = self._follow(leg, copy, relay)
            ended = True
            self._legs += 1
            return end
        except NodeLostError as error:
            return self._lose(str(error))
        finally:
            copy.close()
            if not ended and not self._is_lost:  # it may train on: nothing of it is wanted
                self._lose("the run could not be written")

    def _lose(self, reason: str) -> tuple[str, str]:
        self._is_lost = True
        self._drop()
        if self.worker is not None:
            self.worker.stop(reason)
        return "lost", f"node {self._node} was lost: {reason}"

    def _follow(self, leg: Leg, copy: RunCopy, relay: Relay) -> tuple[str, str]:
        key = leg.trial.number, time.monotonic_ns()
        self._call("start", key, leg.trial, leg.run.id, leg.until, copy.sent())
        while True:
            known, orders = copy.known(), copy.new_orders()
            report: Report = self._call(
                "poll", known, relay.take(), orders, POLL_SECONDS, self.bridge.checkpoint_seconds
            )
            copy.write(report.pieces)
            if report.end is not None and not report.more:
                return report.end

    def _call(self, method: str, *arguments: Any) -> Any:
        """Call the actor, again while it cannot be reached for a moment. Raises NodeLostError, ValueError."""
        give_up = time.monotonic() + CALL_SECONDS
        while True:
            try:
                return ray.get(getattr(self._actor, method).remote(*arguments), timeout=CALL_SECONDS)
            except ActorUnavailableError as error:
                if time.monotonic() >= give_up:
                    raise NodeLostError(one_line(error)) from None
                time.sleep(RETRY_SECONDS)
            except RayTaskError as error:  # the node's disk is full, for example
                raise ValueError(one_line(error.cause or error)) from None
            except GetTimeoutError:
                raise NodeLostError(f"no answer for {CALL_SECONDS:.0f} s") from None
            except RayError as error:
                raise NodeLostError(one_line(error)) from None


class Bridge:
    """The slots of one sweep on the cluster that this process is connected to; `slots` of 0 fills the cluster."""

    def __init__(self, sweep: Sweep, slots: int) -> None:
        self.sweep = sweep
        self.stopping = ""  # the reason why all slots give their trials back
        device = sweep.plan().device
        known: list[dict[str, Any]] = ray.nodes()  # type: ignore[no-untyped-call]
        nodes = [node["Resources"] for node in known if node["Alive"]]
        gpus = [] if device == "cpu" else [node["GPU"] for node in nodes if node.get("GPU")]
        processors = [node["CPU"] for node in nodes if node.get("CPU")]
        free = sum(each.state in ("planned", "running", "waiting") for each in sweep.record().trials.values())
        count = slots or int(sum(gpus)) or int(sum(processors))
        self.count = max(min(count, free), 1)
        threads = cores_a_slot(processors, self.count)
        self._options: dict[str, Any] = {"num_cpus": threads}
        if gpus:
            self._options = {"num_cpus": 0, "num_gpus": gpu_share(sum(gpus), self.count)}
        self._environment = {"env_vars": SHARED_CORES | {THREADS: str(threads)}}
        self.checkpoint_seconds = self.count / CHECKPOINTS_A_SECOND
        self.slots = [Slot(self, number) for number in range(self.count)]
        self._actor_class = ray.remote(NodeSlot)

    def new_actor(self) -> Any:
        """A new actor, perhaps not placed yet."""
        return self._actor_class.options(max_restarts=0, runtime_env=self._environment, **self._options).remote()

    @staticmethod
    def message(text: str) -> None:
        """Report to the people who watch the sweep."""
        print(f"{MESSAGE}{text}", flush=True)

    @staticmethod
    def error(text: str) -> None:
        """Report why this process ends."""
        print(f"{ERROR}{text}", flush=True)

    def stop(self, reason: str) -> None:
        """Let all slots give their trials back and end."""
        self.stopping = reason
        for slot in self.slots:
            if (worker := slot.worker) is not None:
                worker.stop(reason)

    def run(self) -> int:
        """Train on all slots to the end of the sweep; the exit status."""
        errors: list[str] = []

        def work(slot: Slot) -> None:
            try:
                slot.run()
            except Exception as error:
                errors.append(one_line(error))
                self.stop("a slot of the bridge has failed")

        threads = [threading.Thread(target=work, args=(slot,), daemon=True) for slot in self.slots]
        for thread in threads:
            thread.start()
        for thread in threads:
            while thread.is_alive():  # in steps: a signal is handled between two of them
                thread.join(WAIT_SECONDS)
        if not errors and self.stopping == "" and all(slot.problem for slot in self.slots):
            self.error(f"no node of the cluster can train: {self.slots[0].problem}")
            return UNUSABLE
        for error in errors[:1]:
            self.error(error)
        return int(bool(errors))


def name_node(slot: NodeSlot) -> str:
    """In the actor: name its host after Ray's node, because several nodes may share a host; the beginning of its id."""
    node: str = ray.get_runtime_context().get_node_id()[:8]
    slot.host = f"{socket.gethostname()}, Ray node {node}"
    return node


def one_line(error: BaseException) -> str:
    """The line of an error that says most: Ray's messages are pages, and the last line of a traceback is its cause."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if not lines:
        return type(error).__name__
    return lines[-1 if CAUSE.match(lines[-1]) else 0][:300]


@contextlib.contextmanager
def connected(address: str) -> Iterator[None]:
    """Connect to a cluster; without an address to the cluster that Ray knows, or to a new one here.

    Ends the process where Ray does not answer in time: its own connection may hang for minutes. Raises ConnectionError
    and other exceptions of Ray's for a wrong address.
    """
    seconds = CONNECT_SECONDS if address else START_SECONDS

    def give_up() -> None:
        print(f"{ERROR}no answer from Ray at {address or 'this host'} for {seconds:.0f} s", flush=True)
        os._exit(UNUSABLE)

    limit = threading.Timer(seconds, give_up)
    limit.daemon = True
    limit.start()
    try:
        ray.init(
            address=address or None,
            runtime_env={"py_modules": [str(Path(adam_tui.__file__).parent)]},
            log_to_driver=False,
            logging_level=logging.WARNING,
            include_dashboard=False,
        )
    finally:
        limit.cancel()
    try:
        yield
    finally:
        ray.shutdown()


def main(arguments: list[str]) -> int:
    """The exit status: 0 when the sweep is over or was stopped, 1 after an error, UNUSABLE when another try is vain."""
    parser = argparse.ArgumentParser(prog="ray_bridge")
    parser.add_argument("--address", default="")
    parser.add_argument("--slots", type=int, default=0)
    parser.add_argument("sweep", type=Path)
    options = parser.parse_args(arguments)
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # the sweep outlives its terminal
    try:
        sweep = Sweep(options.sweep.absolute())
        check_device(sweep.plan().device)
    except ValueError as error:
        Bridge.error(str(error))
        return UNUSABLE
    bridge: Bridge | None = None
    caught: list[str] = []

    def stop(number: int, frame: FrameType | None) -> None:
        caught.append(signal.Signals(number).name)
        if bridge is not None:
            bridge.stop(caught[0])

    with sweep.worked_on(), contextlib.ExitStack() as connection:
        try:
            connection.enter_context(connected(options.address))
        except Exception as error:  # Ray raises nearly anything for a wrong address
            Bridge.error(f"cannot use Ray: {one_line(error)}")
            return UNUSABLE
        for name in STOP_SIGNALS:  # Ray has set handlers of its own
            if hasattr(signal, name):
                signal.signal(getattr(signal, name), stop)
        try:
            bridge = Bridge(sweep, options.slots)
            for name in caught:
                bridge.stop(name)
            return bridge.run()
        except (OSError, ValueError, RayError) as error:
            Bridge.error(one_line(error))
            return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
