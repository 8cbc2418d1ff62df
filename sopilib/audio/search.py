"""Find the sound files in folders, by their content.

Folders are searched to any depth, links to folders too, each folder once. What a system or a
program has put there is skipped: hidden files and folders, `__MACOSX`, bins for deleted files.
A file without the suffix of a sound counts if libsndfile opens and decodes it. What cannot be
used is told in one line a reason.
"""

import os
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import soundfile

from sopilib.audio.sound_reader import SoundReader, reason_of
from sopilib.errors import AudioError, printable

# formats that libsndfile calls by another name
_SOUND_SUFFIXES = {"." + name.lower() for name in soundfile.available_formats()} | {
    *(".aif", ".aifc", ".opus", ".oga", ".snd", ".mp2", ".wave", ".bwf", ".sph", ".amb")
}
# sound that libsndfile does not read
_OTHER_SOUND = {
    *(".3gp", ".aa3", ".aac", ".ac3", ".alac", ".amr", ".ape", ".asf", ".avi", ".dff", ".dsf"),
    *(".dts", ".eac3", ".flv", ".m4a", ".m4b", ".m4p", ".m4r", ".m4v", ".mka", ".mkv", ".mov"),
    *(".mp4", ".mpc", ".mpg", ".ogv", ".ra", ".ram", ".rm", ".shn", ".spx", ".tak", ".tta"),
    *(".weba", ".webm", ".wma", ".wmv", ".wv"),
}
_SYSTEM_NAMES = {"__MACOSX", "$RECYCLE.BIN", "System Volume Information", "@eaDir", "lost+found"}
_MOST_NAMES = 4  # shown in a line


@dataclass
class SoundFiles:
    """The result of a search.

    Attributes:
      files: sound files, those of a folder sorted by name, each once.
      left_out: (path, reason) of each folder that cannot be read.
      not_read: numbers of files of other sound formats, by suffix.
      not_sound: numbers of other files, by suffix.
      skipped: names of hidden and system files and folders.
      num_again: links to files that are among the others already.
    """

    files: list[Path] = field(default_factory=list)
    left_out: list[tuple[Path, str]] = field(default_factory=list)
    not_read: Counter[str] = field(default_factory=Counter)
    not_sound: Counter[str] = field(default_factory=Counter)
    skipped: list[str] = field(default_factory=list)
    num_again: int = 0

    def lines(self) -> list[str]:
        """Return one line for each reason why something is not among the files."""
        lines = []
        if self.not_read:
            kinds = _shown(sorted(self.not_read))
            lines.append(
                f"{_files(self.not_read.total())} not read: {kinds} (convert to WAV or FLAC)"
            )
        if self.not_sound:
            kinds = _shown(sorted(self.not_sound))
            lines.append(f"{_files(self.not_sound.total())} without sound: {kinds}")
        if self.skipped:
            names = _shown(sorted(set(self.skipped)))
            lines.append(f"{len(self.skipped)} hidden or system entries skipped: {names}")
        if self.num_again:
            lines.append(f"{_files(self.num_again)} found again by a link, used once")
        return lines


def _files(number: int) -> str:
    return f"{number} file{'' if number == 1 else 's'}"


def _shown(names: Sequence[str]) -> str:
    more = len(names) - _MOST_NAMES
    text = ", ".join(map(printable, names[:_MOST_NAMES]))
    return f"{text} and {more} more" if more > 0 else text


def find_sound_files(paths: Sequence[str | Path]) -> SoundFiles:
    """Return the SoundFiles among `paths`.

    Args:
      paths: folders, and files with any name.

    Raises:
      AudioError: a path does not exist, or there is no sound file; the text says why.
    """
    found = SoundFiles()
    candidates: list[Path] = []
    for path in map(Path, paths):
        if os.path.isdir(path):
            candidates += [p for p in sorted(_files_in(path, found)) if _is_sound(p, found)]
        elif os.path.exists(path):
            candidates.append(path)
        else:
            raise AudioError(f"no file or folder {path} (check the name)")
    found.files = _each_once(candidates, found)
    if not found.files:
        shown = ", ".join(str(path) for path in paths)
        reasons = [reason for _, reason in found.left_out] + found.lines()
        raise AudioError(
            f"no sound files in {shown}: {'; '.join(reasons)}"
            if reasons
            else f"no sound files in {shown} (put WAV, FLAC, AIFF, ... files there)"
        )
    return found


def _files_in(folder: Path, found: SoundFiles) -> Iterator[Path]:
    """Yield the regular files in a folder; links to folders come after all real folders."""
    folders, links, visited = deque([folder]), deque[Path](), set()
    while folders or links:
        inside = folders.popleft() if folders else links.popleft()
        try:
            status = inside.stat()
            entries = sorted(os.scandir(inside), key=lambda entry: entry.name)
        except OSError as error:
            reason = f"cannot read the folder {inside}: {reason_of(error)} (check who may read it)"
            found.left_out.append((inside, reason))
            continue
        if (status.st_dev, status.st_ino) in visited:
            continue
        visited.add((status.st_dev, status.st_ino))
        for entry in entries:
            path = inside / entry.name
            if entry.name.startswith(".") or entry.name in _SYSTEM_NAMES:
                found.skipped.append(entry.name)
            elif _is(entry, "folder"):
                (links if entry.is_symlink() else folders).append(path)
            elif _is(entry, "file"):
                yield path


def _is(entry: os.DirEntry[str], kind: str) -> bool:
    """Return whether an entry is a 'folder' or a regular 'file'; a dangling link is neither."""
    try:
        return entry.is_dir() if kind == "folder" else entry.is_file()
    except OSError:
        return False


def _is_sound(path: Path, found: SoundFiles) -> bool:
    """Return whether a file may be a sound; count it in `found` if it is not."""
    suffix = path.suffix.lower()
    if suffix in _SOUND_SUFFIXES - {".raw"}:
        return True  # if it is damaged, it has to be told
    try:
        with SoundReader(path) as reader:
            if next(reader.blocks(), None) is not None:
                return True
    except AudioError:
        pass
    (found.not_read if suffix in _OTHER_SOUND else found.not_sound)[suffix or "no suffix"] += 1
    return False


def _each_once(paths: Sequence[Path], found: SoundFiles) -> list[Path]:
    """Return the files of which none before is the same by a link."""
    files: dict[object, Path] = {}
    for path in dict.fromkeys(paths):
        try:
            status = os.stat(path)
            key: object = (status.st_dev, status.st_ino)
        except OSError:
            key = path  # reading it will say why
        if files.setdefault(key, path) is not path:
            found.num_again += 1
    return list(files.values())
