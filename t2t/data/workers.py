"""Work spread over processes that end with the one that started them, however that ends.

`concurrent.futures` does not let its processes be stopped in the middle of their work, and they
outlive a parent that is killed; `multiprocessing.Pool` waits for ever for one that was killed.
"""

import contextlib
import multiprocessing
import os
import signal
import traceback
from collections.abc import Callable, Generator, Iterator, Sequence
from multiprocessing.connection import Connection, wait
from typing import Any, TypeVar

from t2t.errors import RunError, T2TError

Item = TypeVar("Item")
Result = TypeVar("Result")


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0))


def in_processes(
    work: Callable[[Item], Result], items: Sequence[Item], processes: int
) -> Generator[tuple[Item, Result], None, None]:
    """Each item with its result, in the order in which they are done; close it to stop early.

    Args:
        work: a function of a module; its argument and result are sent between processes.
        items: what to work on, each as soon as a process is free.
        processes: how many; with one, or one item, the work is done in this process.

    Raises:
        RunError: a process was killed, by a system that ran out of memory for instance.
        Exception: what `work` raised; the processes have been ended then.
    """
    processes = min(processes, len(items))
    if processes <= 1:
        for item in items:
            yield item, work(item)
        return
    waiting = list(reversed(items))
    at_work: dict[Connection, Item] = {}
    with contextlib.ExitStack() as stack:
        for _ in range(processes):
            connection = stack.enter_context(_worker(work))
            at_work[connection] = waiting.pop()
            _send(connection, at_work[connection])
        while at_work:
            for ready in wait(list(at_work)):
                assert isinstance(ready, Connection)
                item = at_work.pop(ready)
                result = _answer(ready)
                if waiting:
                    at_work[ready] = waiting.pop()
                    _send(ready, at_work[ready])
                yield item, result


@contextlib.contextmanager
def _worker(work: Callable[[Any], Any]) -> Iterator[Connection]:
    """A process that answers what is sent to it; it is ended at the end of the block."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, work), daemon=True)
    process.start()
    theirs.close()
    try:
        yield ours
    finally:
        process.terminate()
        process.join()
        ours.close()


def _send(connection: Connection, item: Any) -> None:
    try:
        connection.send(item)
    except OSError as error:
        raise _lost() from error


def _answer(connection: Connection) -> Any:
    try:
        result, error = connection.recv()
    except (EOFError, OSError) as lost:
        raise _lost() from lost
    if error is not None:
        raise error
    return result


def _lost() -> RunError:
    return RunError(
        "a worker process was ended, by the system for its memory perhaps; the same command goes "
        "on, with fewer workers if that was the reason"
    )


def _serve(connection: Connection, work: Callable[[Any], Any]) -> None:
    """Answer items until the other end is closed, be it by the end of that process."""
    # Ctrl-C reaches every process of a terminal; the first one ends the others.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with contextlib.suppress(EOFError, ConnectionResetError, BrokenPipeError):
        while True:
            item = connection.recv()
            answer: tuple[Any, Exception | None]
            try:
                answer = (work(item), None)
            except T2TError as error:
                answer = (None, error)
            except Exception as error:
                error.add_note(traceback.format_exc())
                answer = (None, error)
            connection.send(answer)
