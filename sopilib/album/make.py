"""Make an album: what is missing is generated, chosen, mastered and written, track by track.

Finished tracks stay as they are. A track whose sound was deleted, or that a copied album.json
names, is made again from the take that was chosen, without the others. A take that cannot be
made leaves out its track; the others continue.
"""

import contextlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sopilib.album.album_file import SavedAlbum, write_album
from sopilib.album.job import Job, Outcome
from sopilib.album.models import ReadyModel, ready_models
from sopilib.album.page import check_page, write_page
from sopilib.album.runner import Runner
from sopilib.album.settings import TrackPlan, track_plan
from sopilib.album.track import Chosen, chosen_of, finish_track, foreign
from sopilib.album.track_files import State, TrackFiles, state_of, track_values
from sopilib.album.work_folder import WorkFolder
from sopilib.errors import AudioError, RequestError

_NOT_MADE = (State.ABSENT, State.LOST)


@dataclass
class Telling:
    """Where an album in the making says what happens.

    Attributes:
      line: is called with each line that is worth knowing.
      begin: is called with the seconds of sound to generate.
      advance: is called with the seconds of each take that was generated.
    """

    line: Callable[[str], None] = lambda text: None
    begin: Callable[[float], None] = lambda seconds: None
    advance: Callable[[float], None] = lambda seconds: None


@dataclass
class _Track:
    """A track in the making.

    Attributes:
      plan, model: of the track.
      places: of its takes among the planned ones.
      choice: that of an earlier time, whose take is made again, or None.
      num_made: how many of its takes are made, and wait in the work folder.
      error: why one cannot be made.
    """

    plan: TrackPlan
    model: ReadyModel
    places: Sequence[int]
    choice: dict[str, Any] | None = None
    num_made: int = 0
    error: str = ""

    @property
    def is_complete(self) -> bool:
        """Whether all takes are made."""
        return self.num_made == len(self.places)

    def jobs(self) -> list[Job]:
        """Return the jobs for its takes."""
        plan, model = self.plan, self.model
        return [
            Job(
                track=plan.number,
                place=place,
                rng_seed=plan.rng_seeds[place],
                dur_s=plan.dur_s,
                temperature=plan.temperature,
                config=model.config,
                weights=model.digest,
                weights_path=str(model.path.absolute()),
            )
            for place in self.places
        ]


class AlbumInTheMaking:
    """An album and the numbers of its tracks that are to be made.

    Args:
      folder: of the album, existing.
      saved: what its album.json says.
      numbers: of the tracks.
      is_part: whether others make the other tracks; then album.json and the page stay.
      telling: where to say what happens.

    Raises:
      AudioError: another file has the name of a track or of the page.
    """

    def __init__(
        self,
        folder: Path,
        saved: SavedAlbum,
        numbers: Sequence[int],
        is_part: bool,
        telling: Telling,
    ) -> None:
        self._folder, self._settings, self._saved = folder, saved.settings, saved
        self._is_part, self._telling = is_part, telling
        self._work = WorkFolder(folder)
        self._states = {number: self._state(number) for number in numbers}
        if not is_part:
            check_page(folder)

    @property
    def missing(self) -> list[int]:
        """Numbers of the tracks that are still to be made."""
        return [number for number, state in self._states.items() if state in _NOT_MADE]

    @property
    def num_finished(self) -> int:
        """How many of the tracks are finished."""
        return len(self._states) - len(self.missing)

    def make(self, runner: Runner, search: Sequence[Path], part: str) -> None:
        """Make all missing tracks.

        Args:
          runner: of the jobs.
          search: folders in which to look for a model that has moved.
          part: name of the numbers, under which one process at a time makes them.

        Raises:
          SampleRNNError: a model, the disk or the runner fails; finished tracks and takes stay.
        """
        if self.missing:
            with self._work.opened(part):
                self._make_missing(runner, search)
        if not self._is_part:
            self.write_contents()
            if not self.missing:
                self._work.remove()

    def write_contents(self) -> None:
        """Write album.json and the page, of the tracks that are finished.

        Raises:
          AudioError: they cannot be written.
        """
        if self._is_part:
            return
        found = (track_values(TrackFiles.at(self._folder, n)) for n in sorted(self._states))
        tracks = [values for values in found if values is not None]
        known = {**self._saved.tracks, **{values["track"]: values for values in tracks}}
        write_album(self._folder, self._settings, [known[number] for number in sorted(known)])
        write_page(self._folder, self._settings.title, tracks)

    def _state(self, number: int) -> State:
        files = TrackFiles.at(self._folder, number)
        state = state_of(files, track_plan(self._settings, number))
        if state is State.FOREIGN:
            raise foreign(files)
        if state is State.CHANGED:
            self._telling.line(f"{files.sound} was changed after it was made and stays as it is")
        return state

    def _make_missing(self, runner: Runner, search: Sequence[Path]) -> None:
        tracks = {track.plan.number: track for track in self._tracks(search)}
        jobs = [job for track in tracks.values() for job in track.jobs()]
        waiting = []
        for job in jobs:
            if self._work.kept(job) is None:
                waiting.append(job)
            else:
                self._count(tracks[job.track])
        self._telling.begin(sum(job.dur_s for job in waiting))
        by_key = {job.key: job for job in waiting}
        if waiting:
            with contextlib.closing(runner.run(waiting)) as outcomes:
                for outcome in outcomes:
                    self._note(tracks[outcome.key[0]], by_key[outcome.key], outcome)
        self._raise_errors(list(tracks.values()))

    def _tracks(self, search: Sequence[Path]) -> Iterable[_Track]:
        """Yield the missing tracks with their models, which are made ready first."""
        plans = [track_plan(self._settings, number) for number in self.missing]
        needed = sorted({plan.model for plan in plans})
        records = [self._settings.models[k] for k in needed]
        models = dict(zip(needed, ready_models(records, search, self._work.path)))
        for plan in plans:
            values = self._earlier(plan.number)
            places: Sequence[int] = range(len(plan.rng_seeds))
            if values is None or values["rng_seed"] not in plan.rng_seeds:
                yield _Track(plan, models[plan.model], places)
            else:
                places = [plan.rng_seeds.index(values["rng_seed"])]
                yield _Track(plan, models[plan.model], places, dict(values["choice"]))

    def _earlier(self, number: int) -> Mapping[str, Any] | None:
        """Return what is known of a track from an earlier time, in which it was finished."""
        values = track_values(TrackFiles.at(self._folder, number))
        return self._saved.tracks.get(number) if values is None else values

    def _note(self, track: _Track, job: Job, outcome: Outcome) -> None:
        self._telling.advance(job.dur_s)
        if outcome.take is None:
            track.error = track.error or outcome.error
        else:
            self._work.keep(job, outcome.take)
            self._count(track)

    def _count(self, track: _Track) -> None:
        """Count a take in the work folder, and finish its track if that was the last one."""
        track.num_made += 1
        if not track.is_complete:
            return
        number, chosen = track.plan.number, self._chosen(track)
        self._check_same(number, chosen)
        values = finish_track(self._folder, self._settings, track.plan, track.model, chosen)
        self._states[number] = State.FINISHED
        self._work.drop(number)
        self.write_contents()
        self._telling.line(track_line(values))

    def _chosen(self, track: _Track) -> Chosen:
        """Return the take of a track whose takes are all in the work folder.

        Raises:
          AudioError: one is not there any more.
        """
        takes = [take for job in track.jobs() if (take := self._work.kept(job)) is not None]
        if len(takes) < len(track.places):
            raise AudioError(
                f"takes of track {track.plan.number} disappeared from {self._work.path} (repeat "
                "the command)"
            )
        return chosen_of(takes) if track.choice is None else Chosen(takes[0], track.choice)

    def _check_same(self, number: int, chosen: Chosen) -> None:
        values = self._earlier(number)
        if values is not None and values["take_sha256"] != chosen.take.sha256:
            self._telling.line(f"track {number} is not the same to the last bit as it was before")

    def _raise_errors(self, tracks: Sequence[_Track]) -> None:
        failed = [track for track in tracks if track.error]
        if failed:
            numbers = ", ".join(str(track.plan.number) for track in failed)
            reason, _, fix = failed[0].error.partition(" (")
            fix = fix.removesuffix(")") or "look at that"
            raise RequestError(
                f"track {numbers} of {self._folder} could not be made: {reason} ({fix}, then "
                "repeat the command)"
            )


def track_line(values: Mapping[str, Any]) -> str:
    """Return what a finished track is, on one line."""
    loudness, why = values["loudness_lufs"], values["choice"].get("why", "")
    level = "silent or too short to measure" if loudness is None else f"{loudness:.1f} LUFS"
    return (
        f"{values['file']}: {values['dur_s']:g} s, {values['model']}, temperature "
        f"{values['temperature']:g}, rng_seed {values['rng_seed']}, {level}; {why}"
    )
