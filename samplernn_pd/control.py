"""The state of the class and the parts that messages and events change.

`samplernn_pd.states` defines which message is allowed when, `actions` what it does then,
and `reactions` what an event of the worker does. This module holds the steps from one
state to another.
"""

import time

from samplernn_pd.actions import action_for
from samplernn_pd.client import WorkerClient
from samplernn_pd.host import Host
from samplernn_pd.messages import PdMessage
from samplernn_pd.model_list import ModelList
from samplernn_pd.outbox import Outbox
from samplernn_pd.output import AnyTake, Output
from samplernn_pd.reactions import react, react_to_leaving, tell_not_written
from samplernn_pd.settings import Settings
from samplernn_pd.states import NO_MODEL, Answer, Refusal, State, answer_to
from samplernn_pd.unanswered import WRITES_FILE
from samplernn_pd.worker_link import WorkerLink
from sopilib.errors import RequestError, SampleRNNError
from sopilib.protocol import messages

POLL_LIMIT_S = 0.001


class Control:
    """One worker, one model, one take or stream at a time. Not thread-safe.

    Args:
        host: the class in Pd.
        outbox: of status messages.
        worker: the link to a worker, which starts with the first load.
    """

    def __init__(self, host: Host, outbox: Outbox, worker: WorkerLink) -> None:
        self.host, self.outbox, self.worker = host, outbox, worker
        self.settings = Settings()
        self.output = Output()
        self.models = ModelList(host)
        self.state = State.EMPTY
        self._deferred: list[PdMessage] = []  # messages until a stopped take has ended

    @property
    def is_busy(self) -> bool:
        """Whether `deliver` has anything to wait for or to do."""
        is_at_rest = self.state in (State.EMPTY, State.IDLE) or self.worker.is_silent
        has_answers_to_come = bool(self.worker.unanswered) and not self.worker.is_silent
        is_delivered = not self.models.is_busy and not self.output.is_clearing
        is_ended = not self.worker.has_leaving
        return not is_at_rest or has_answers_to_come or not is_delivered or not is_ended

    def handle(self, message: PdMessage) -> None:
        """Apply, defer, ignore or refuse a message as its row of the table says.

        Raises:
            SampleRNNError: it is refused, or cannot be applied.
        """
        state = State.SILENT if self.worker.is_silent else self.state
        answer = answer_to(message, state, bool(self._deferred))
        if isinstance(answer, Refusal):
            raise RequestError(f"{message.selector()}: {self._reason(answer)}")
        if answer is Answer.DEFER:
            self._deferred.append(message)
        elif answer is Answer.APPLY:
            if self.output.stream:
                self.output.stream.tell_position()
            action_for(message)(self, message)

    def note_position(self, position: int) -> None:
        """Note where Pd plays the ring of a stream, in samples, for the next message."""
        for stream in self.output.streams:
            stream.move_to(position)

    def _reason(self, refusal: Refusal) -> str:
        """Return the reason, or the one behind it: a load seems endless without polls."""
        if refusal is NO_MODEL and self.state is State.LOADING:
            return self.host.missing_polls() or refusal.reason
        return refusal.reason

    def deliver(self, limit_s: float = POLL_LIMIT_S, position: int | None = None) -> None:
        """Apply what has arrived, for about `limit_s` seconds at most.

        Args:
            limit_s: seconds.
            position: where Pd plays the ring of a stream, in samples.
        """
        deadline = time.monotonic() + limit_s
        self._play_streams_at(position)
        while (event := self.worker.next_event()) is not None:
            react(self, event)
            if time.monotonic() > deadline:
                break
        self._tell_leaving(deadline)
        self._tell_models()
        self.output.clear_slices()
        if self.output.stream and not self.output.stream.advance():
            self.give_up_take()
        if self.output.running:
            self.output.running.show_progress()

    def wait(self, timeout_s: float) -> None:
        """Wait for something to deliver, at most `timeout_s` seconds."""
        if self.models.is_busy:
            self.models.wait(timeout_s)
        else:
            self.worker.wait(timeout_s)

    def _tell_leaving(self, deadline: float) -> None:
        while (event := self.worker.next_leaving_event()) is not None:
            react_to_leaving(self, event)
            if time.monotonic() > deadline:
                break

    def _tell_models(self) -> None:
        for answer in self.models.answers():
            if isinstance(answer, str):
                self.outbox.error(answer)
            else:
                for selector, *atoms in answer:
                    self.outbox.say(str(selector), *atoms)

    def _play_streams_at(self, position: int | None) -> None:
        for stream in self.output.streams:
            try:
                if notice := stream.play_at(position):
                    self.outbox.notice(notice)
            except SampleRNNError as error:
                self.outbox.error(str(error))
                stream.cut()
                self.stop_take()

    # From one state to another

    def end_load(self, model: messages.Loaded | None) -> None:
        """Note that `model` is loaded or, if None, that the load failed and the old model stays."""
        self.worker.end_load(model)
        self.state = State.IDLE if self.worker.model else State.EMPTY

    def begin(self, take: AnyTake, request: messages.Generate, state: State) -> None:
        """Send the request that starts a take or stream."""
        self.output.run(take)
        self.worker.send(request)
        self.state = state

    def stop_take(self) -> None:
        """Tell the worker to end the running take or stream."""
        if self.state in (State.TAKING, State.STREAMING):
            self.state = State.STOPPING
            self.worker.send(messages.Stop())

    def give_up_take(self) -> None:
        """Stop a take whose arrays no longer accept its samples."""
        take = self.output.running
        if take is None or self.state is State.STOPPING:
            return
        self.outbox.error(
            f"the arrays {' '.join(take.array_names)} are gone or of another length "
            "(the take is stopped; create them again)"
        )
        if self.output.stream:
            self.output.stream.cut()
        self.stop_take()

    def end_take(self, selector: str) -> None:
        """Report the end of a take as `selector` and apply the deferred messages."""
        take = self.output.end()
        self.state = State.IDLE
        deferred, self._deferred = self._deferred, []
        if take and take.begun:
            take.report(selector)
        for message in deferred:
            try:
                self.handle(message)
            except SampleRNNError as error:
                self.outbox.error(str(error))

    def wait_for_files(self, message: PdMessage) -> bool:
        """Let `message` wait behind deferred ones that write a file; return False without any."""
        has_files = any(isinstance(waits, WRITES_FILE) for waits in self._deferred)
        if has_files and not self.worker.is_silent:
            self._deferred.append(message)
            return True
        return False

    def forget_deferred(self) -> None:
        """Drop the messages that wait for the end of a stopped take."""
        self._deferred.clear()

    def lose_worker(self, reason: str) -> None:
        """Report why the worker has ended or is about to end."""
        self.outbox.error(reason)
        self.drop_worker()

    def drop_worker(self) -> None:
        """End the running take, and the worker: at once, or when it has written its files."""
        take = self.output.running
        not_written = self.worker.leave()
        self._forget_take()
        try:
            tell_not_written(self, not_written)
            if take and take.begun:
                take.report("stopped")
        finally:
            self.outbox.say("worker", "off")

    def close_worker(self) -> list[WorkerClient]:
        """End all workers without a report; return the clients, whose threads can be joined."""
        self._forget_take()
        return self.worker.close()

    def _forget_take(self) -> None:
        self.output.end()
        self.output.can_continue = False
        self._deferred.clear()
        self.state = State.EMPTY
