"""One API connection: log-in, tagged commands side by side, cancel, listen, and faults while a command runs."""

import asyncio
from contextlib import nullcontext
from typing import NoReturn

from simulators.routeros import menus, sentences
from simulators.routeros.faults import Fault, Mode
from simulators.routeros.framing import LONGEST, BadFraming, SentenceReader
from simulators.routeros.login import Login, TooManyAttempts
from simulators.routeros.router import Router
from simulators.routeros.sender import Sender, SenderClosed
from simulators.routeros.sentences import Command, Sentence, reply
from simulators.routeros.tables import Values
from simulators.routeros.traps import Trap
from simulators.routeros.users import User

_LIMIT_BEFORE_LOGIN = 4096


class Session:
    """Serves one connection until either side ends it."""

    def __init__(self, router: Router, reader: asyncio.StreamReader, sender: Sender) -> None:
        self._router = router
        self._reader = reader
        self._sender = sender
        self._sentences = SentenceReader(_LIMIT_BEFORE_LOGIN)
        self._login = Login(router)
        self._user: User | None = None
        self._deaf = False
        self._untagged = asyncio.Lock()
        self._running: dict[asyncio.Task[None], Command] = {}

    async def serve(self) -> None:
        """Read and carry out commands; returns when the connection is over and the commands it brought are done."""
        try:
            async with asyncio.TaskGroup() as tasks:
                await self._read(tasks)
                self._stop_listening()
        finally:
            self._sender.close()

    async def _read(self, tasks: asyncio.TaskGroup) -> None:
        try:
            while data := await self._reader.read(65536):
                if not self._deaf:
                    for words in self._sentences.feed(data):
                        await self._receive(sentences.parse(words), tasks)
        except (SenderClosed, BadFraming, OSError):
            # Nothing can be said to the peer any more, but a slow router still carries out what came before.
            self._sender.close()

    async def _receive(self, command: Command, tasks: asyncio.TaskGroup) -> None:
        """Start the command; what must keep its place among the others is done here at once. Raises SenderClosed."""
        self._router.note(command)
        fault = self._router.faults.take(command.path)
        if self._deaf or (fault and fault.mode is Mode.HALF_OPEN):
            self._deaf = True
        elif command.path == "/login":
            await self._answer(command, None, fault)
        elif self._user is None:
            await self._end("not logged in")
        elif command.path == "/quit":
            await self._end("session terminated on request")
        elif command.path == "/cancel":
            await self._cancel(command)
        else:
            task = tasks.create_task(self._perform(command, self._user, fault))
            self._running[task] = command
            task.add_done_callback(self._running.pop)

    async def _perform(self, command: Command, user: User, fault: Fault | None) -> None:
        """Tagged commands run side by side, untagged ones one after the other."""
        try:
            if command.verb == "listen":
                await self._listen(command, user)
            else:
                async with self._untagged if command.tag is None else nullcontext():
                    await self._answer(command, user, fault)
        except SenderClosed:
            self._sender.close()

    async def _answer(self, command: Command, user: User | None, fault: Fault | None) -> None:
        """Carry the command out and answer it, as the fault has it. Raises SenderClosed."""
        if fault and fault.mode is Mode.DELAY:
            await asyncio.sleep(fault.seconds)
        if fault and fault.mode is Mode.RESTART:
            self._router.restart()
            raise SenderClosed
        try:
            answer = self._log_in(command) if user is None else self._run(command, user, fault)
        except Trap as error:
            answer = [*sentences.trap(error, command.tag), reply("!done", command.tag)]
        except TooManyAttempts:
            await self._end("too many commands before login")
        if fault is None:
            await self._sender.send(answer)
        else:
            await self._sender.send_badly(answer, fault)

    def _log_in(self, command: Command) -> list[Sentence]:
        outcome = self._login.attempt(command)
        if isinstance(outcome, str):
            return [reply("!done", command.tag, {"ret": outcome})]
        self._user = outcome
        self._sentences.limit = LONGEST
        return [reply("!done", command.tag)]

    def _run(self, command: Command, user: User, fault: Fault | None) -> list[Sentence]:
        if command.path == "#":  # what some clients send to keep the connection alive
            return [reply("!done", command.tag)]
        if fault and fault.mode is Mode.VANISH:
            menus.vanish(command, user, self._router)
        answer = menus.run(command, user, self._router)
        done = reply("!done", command.tag, None if answer.ret is None else {"ret": answer.ret})
        if answer.rows == [] and self._router.version.says_empty:
            return [reply("!empty", command.tag), done]
        return [*(reply("!re", command.tag, row) for row in answer.rows or ()), done]

    async def _listen(self, command: Command, user: User) -> None:
        """Tell of changes until cancelled. They may happen on any thread."""
        loop = asyncio.get_running_loop()
        changes: asyncio.Queue[Values] = asyncio.Queue()

        def tell(row: Values) -> None:
            loop.call_soon_threadsafe(changes.put_nowait, row)

        try:
            stop = menus.listen(command, user, self._router, tell)
        except Trap as error:
            await self._sender.send([*sentences.trap(error, command.tag), reply("!done", command.tag)])
            return
        try:
            while True:
                await self._sender.send([reply("!re", command.tag, await changes.get())])
        finally:
            stop()

    async def _cancel(self, command: Command) -> None:
        """End the commands of the tag, or all; each gets its trap before the cancel is done, its own done after."""
        wanted = command.attributes.get("tag")
        ended = [(task, other) for task, other in self._running.items() if wanted is None or other.tag == wanted]
        interrupted = Trap("interrupted", category=2)
        for task, _other in ended:
            task.cancel()
        traps = [sentence for _task, other in ended for sentence in sentences.trap(interrupted, other.tag)]
        done = [reply("!done", tag) for tag in (command.tag, *(other.tag for _task, other in ended))]
        await self._sender.send([*traps, *done])

    async def _end(self, reason: str) -> NoReturn:
        await self._sender.send([sentences.fatal(reason)])
        self._sender.close()
        raise SenderClosed

    def _stop_listening(self) -> None:
        for task, command in self._running.items():
            if command.verb == "listen":
                task.cancel()
