"""Calls that may hang, given up after so many seconds. Knows nothing of what is called."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

T = TypeVar("T")


class Deadline:
    """Keeps calls to `seconds`, each on a thread that is used again; may be used by several threads at once."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._idle: SimpleQueue[_Runner] = SimpleQueue()

    def keep(self, call: Callable[[], T]) -> T:
        """The call's result, or TimeoutError.

        A call that is late is left behind on its thread, which ends with it; its result, if one comes, is nobody's.
        """
        future: Future[T] = Future()
        runner = self._runner()
        runner.todo.put((future, call))
        try:
            return future.result(self._seconds)
        finally:
            if future.done():
                self._idle.put(runner)
            else:
                runner.todo.put(None)

    def _runner(self) -> "_Runner":
        try:
            return self._idle.get_nowait()
        except Empty:
            return _Runner()


class _Runner:
    """A thread that does one call after the other."""

    def __init__(self) -> None:
        self.todo: SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = SimpleQueue()
        threading.Thread(target=self._run, name="deadline", daemon=True).start()

    def _run(self) -> None:
        while (work := self.todo.get()) is not None:
            future, call = work
            try:
                future.set_result(call())
            except Exception as error:  # noqa: BLE001  # raised again where the result is awaited
                future.set_exception(error)
