import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from t2t.data.workers import cores, in_processes
from t2t.errors import RunError, UserError

SCRIPT = """
import os, signal, sys, time
from pathlib import Path
from t2t.data.workers import in_processes

def work(folder):
    path = Path(folder) / str(os.getpid())
    path.touch()
    while path.exists():
        time.sleep(0.01)

if __name__ == "__main__":
    # A shell starts what is to run in the background with this signal ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    list(in_processes(work, [sys.argv[1]] * 4, 2))
"""


def pid_of(number: int) -> tuple[int, int]:
    time.sleep(0.05)
    return number, os.getpid()


def refused(number: int) -> int:
    if number == 3:
        raise UserError("three: no")
    return number


def faulty(number: int) -> float:
    return 1 / (number - 3)


def killed(number: int) -> int:
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def test_every_item_has_its_result_from_another_process():
    results = dict(in_processes(pid_of, range(8), 2))
    assert {item: number for item, (number, _) in results.items()} == {n: n for n in range(8)}
    pids = {pid for _, pid in results.values()}
    assert len(pids) == 2
    assert os.getpid() not in pids


def test_one_process_is_this_one():
    assert dict(in_processes(os.path.basename, ["a/b"], 4)) == {"a/b": "b"}
    assert {pid for _, (_, pid) in in_processes(pid_of, range(3), 1)} == {os.getpid()}
    assert list(in_processes(pid_of, [], 4)) == []
    assert cores() >= 1


def test_an_error_of_the_work_is_raised_here():
    with pytest.raises(UserError, match="three: no"):
        list(in_processes(refused, range(6), 2))
    with pytest.raises(ZeroDivisionError) as caught:
        list(in_processes(faulty, range(6), 2))
    assert "in faulty" in caught.value.__notes__[0]


def test_a_process_that_is_killed_is_an_error():
    with pytest.raises(RunError, match="a worker process was ended"):
        list(in_processes(killed, range(6), 2))


def exists(pid: int) -> bool:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, 0)
        # One that has ended and that nobody has waited for still has its number.
        with contextlib.suppress(FileNotFoundError):
            return "Z" not in Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    return False


@pytest.mark.parametrize("by", [signal.SIGKILL, signal.SIGINT])
def test_the_processes_end_with_the_one_that_started_them(tmp_path: Path, by):
    (tmp_path / "pids").mkdir()
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    process = subprocess.Popen(
        [sys.executable, script, tmp_path / "pids"], stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 60
    while len(list((tmp_path / "pids").iterdir())) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    pids = [int(path.name) for path in (tmp_path / "pids").iterdir()]
    assert len(pids) == 2
    process.send_signal(by)
    process.wait(timeout=60)
    if by == signal.SIGKILL:
        # They finish what they are at, and find that nobody wants it.
        for path in (tmp_path / "pids").iterdir():
            path.unlink()
    while any(map(exists, pids)) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not any(map(exists, pids))
