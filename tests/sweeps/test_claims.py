import multiprocessing
import os
import socket
import subprocess
import sys
import time

import pytest

from adam_tui.runs import processes
from adam_tui.runs.status import STALE_SECONDS
from adam_tui.sweeps.claims import Claim, Claims, living


def write(claims, claim):
    """Write the claim of another process."""
    claims.folder.mkdir(exist_ok=True)
    text = f'{{"runner": "{claim.runner}", "host": "{claim.host}", "pid": {claim.pid}, "born": "{claim.born}"}}'
    (claims.folder / claim.file).write_text(text)
    return claim


@pytest.fixture
def clock(monkeypatch):
    """The steady clock, which `clock(seconds)` moves."""
    moved = [0.0]
    steady = time.monotonic
    monkeypatch.setattr(time, "monotonic", lambda: steady() + moved[0])
    return lambda seconds: moved.__setitem__(0, moved[0] + seconds)


def take_all(folder, barrier, queue):
    claims = Claims(folder, str(os.getpid()))
    barrier.wait()
    queue.put([trial for trial in range(40) if claims.take(trial, 1)])


def test_each_attempt_is_claimed_by_one_of_several_processes(tmp_path):
    context = multiprocessing.get_context("fork")
    barrier, queue = context.Barrier(4), context.Queue()
    workers = [context.Process(target=take_all, args=(tmp_path, barrier, queue)) for _ in range(4)]
    for worker in workers:
        worker.start()
    taken = [trial for _ in workers for trial in queue.get(timeout=30)]
    for worker in workers:
        worker.join()
    assert sorted(taken) == list(range(40))
    assert not [path.name for path in (tmp_path / "claims").iterdir() if path.name.endswith(".part")]


def test_a_claim_names_its_process_from_the_first_moment_on(tmp_path):
    claims = Claims(tmp_path, "slot0")
    mine = claims.take(7, 2)
    assert claims.newest() == {7: mine}
    assert (mine.runner, mine.host, mine.pid, mine.file) == ("slot0", socket.gethostname(), os.getpid(), "0007-2")
    assert living(claims, claims.newest()) == {7: mine}
    assert claims.take(7, 2) is None
    later = claims.take(7, 3)
    assert claims.newest() == {7: later}


def test_a_file_system_without_hard_links_has_claims_too(tmp_path, monkeypatch):
    def refused(source, target):
        raise PermissionError("no links here")

    monkeypatch.setattr(os, "link", refused)
    claims = Claims(tmp_path, "slot0")
    assert claims.newest() == {} != claims.take(1, 1)
    assert claims.take(1, 1) is None
    assert claims.newest()[1].runner == "slot0"


def test_a_claim_whose_process_of_this_host_has_ended_is_dead_at_once(tmp_path):
    claims = Claims(tmp_path)
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    other = write(claims, Claim(1, 1, "x", socket.gethostname(), process.pid, processes.birth(process.pid)))
    assert not claims.is_dead(other)
    process.communicate(b"\n")
    assert claims.is_dead(claims.newest()[1])
    assert Claims.has_ended(other)


def test_a_later_process_with_the_same_number_does_not_keep_a_claim_alive(tmp_path):
    claims = Claims(tmp_path)
    born = "1@" + processes.birth(os.getpid()).partition("@")[2]
    assert claims.is_dead(write(claims, Claim(1, 1, "x", socket.gethostname(), os.getpid(), born)))


def test_a_claim_of_another_host_is_dead_after_a_minute_without_renewal(tmp_path, clock, monkeypatch):
    claims = Claims(tmp_path)
    other = write(claims, Claim(1, 1, "x", "far-away", 1, "1@boot-1"))
    os.utime(claims.folder / other.file, (1000.0, 1000.0))
    monkeypatch.setattr(Claims, "_server_time", lambda self: 1000.5)  # the clock of the file server is wrong by years
    assert not claims.is_dead(other)
    clock(STALE_SECONDS - 1)
    assert not claims.is_dead(other)
    claims.renew(other)
    assert not claims.is_dead(other)
    clock(STALE_SECONDS - 1)
    assert not claims.is_dead(other)
    clock(2)
    assert claims.is_dead(other)
    assert not Claims.has_ended(other), "it may still write"


def test_a_claim_that_was_not_renewed_for_long_is_dead_at_the_first_look(tmp_path):
    claims = Claims(tmp_path)
    other = write(claims, Claim(1, 1, "x", "far-away", 1, "1@boot-1"))
    for seconds, dead in ((STALE_SECONDS / 2, False), (2 * STALE_SECONDS, True)):
        moment = time.time() - seconds
        os.utime(claims.folder / other.file, (moment, moment))
        assert Claims(tmp_path).is_dead(other) == dead
    assert [path.name for path in claims.folder.iterdir()] == [other.file]


def test_a_claim_that_is_not_visible_yet_is_dead_after_a_minute(tmp_path, clock):
    claims = Claims(tmp_path)
    claims.take(2, 1)
    hidden = Claim(1, 1)
    assert not claims.is_dead(hidden)
    clock(STALE_SECONDS - 1)
    assert not claims.is_dead(hidden)
    clock(2)
    assert claims.is_dead(hidden)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"runner": 1, "host": "", "born": "", "pid": 1}'])
def test_a_damaged_claim_is_dead_after_a_minute(tmp_path, clock, content):
    claims = Claims(tmp_path)
    claims.folder.mkdir()
    (claims.folder / "0001-4").write_text(content)
    (claims.folder / "notes.txt").touch()
    [claim] = claims.newest().values()
    assert claim == Claim(1, 4)
    assert not claims.is_dead(claim)
    clock(STALE_SECONDS + 1)
    assert claims.is_dead(claim)


def test_a_process_whose_claim_is_gone_has_been_replaced(tmp_path):
    claims = Claims(tmp_path, "slot0")
    mine = claims.take(1, 1)
    assert claims.renew(mine)
    claims.remove(mine)
    assert not claims.renew(mine)
