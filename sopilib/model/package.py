"""Models as one takes them along: which files belong to one, in a folder or a zip file.

A zip file comes from anyone. So nothing in it decides where a file goes: each name is checked
before anything is written, links and special files are refused, and size and number of the
files are limited by what is really unpacked, not by what the archive says.
"""

import os
import re
import shutil
import stat
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from sopilib.errors import RequestError
from sopilib.model.folder import ModelFiles
from sopilib.model_texts import ARGUMENTS, CARD
from sopilib.small_files import text_if_readable

MAX_FILES = 1000
MAX_BYTES = 4 << 30
PREVIEW_PLOT = "preview.png"
COMPARISON = "beside_recordings.png"
_PREVIEWS = tuple(f"preview.{suffix}" for suffix in ("flac", "wav", "ogg", "mp3"))
_LICENCE_FILE = re.compile(r"(licen[cs]e|copying)(\.\w+)?", re.IGNORECASE)
_LEGAL_FILE = re.compile(rf"{_LICENCE_FILE.pattern}|notice(\.\w+)?", re.IGNORECASE)
_LICENCE_HEADING = re.compile(r"^#+\s*licen[cs]e\b", re.IGNORECASE | re.MULTILINE)
_NAME = re.compile(r"\w[\w .+-]{0,99}")
_ENCRYPTED = 1
_NOT_OURS = "__MACOSX"  # what macOS adds to its archives
_CHUNK = 1 << 20


def check_name(name: str) -> str:
    """Return the name of a model's folder if it is one.

    Raises:
        RequestError: it has characters that a folder's or message's name must not have.
    """
    if not _NAME.fullmatch(name):
        raise RequestError(
            f"{name!r} is no name for a model (letters, digits, and _ . + - inside it; "
            "choose one with --name)"
        )
    return name


def model_files(files: ModelFiles) -> list[Path]:
    """Return the files that make up a model: weights, config, card, licence, notice, preview."""
    folder = files.folder
    if files.prefix is None:
        weights = sorted(folder.glob("*.pack"))
    else:
        name = Path(files.prefix).name
        weights = [folder / "checkpoint", folder / f"{name}.index"]
        weights += sorted(folder.glob(f"{name.replace('[', '[[]')}.data-*"))
    texts = [files.config_path, folder / ARGUMENTS, *about_files(folder)]
    return [path for path in dict.fromkeys([*weights, *texts]) if path.is_file()]


def about_files(folder: Path) -> list[Path]:
    """Return the files in a folder that tell of its model: card, legal texts, preview, plots."""
    names = {CARD, PREVIEW_PLOT, COMPARISON, *_PREVIEWS}
    return sorted(
        path
        for path in folder.iterdir()
        if path.is_file() and (path.name in names or _LEGAL_FILE.fullmatch(path.name))
    )


def missing_for_sharing(folder: Path) -> list[str]:
    """Return what a model's folder lacks for others to use it, each as a clause."""
    names = [path.name for path in about_files(folder)]
    card = ""
    if CARD in names:
        card = text_if_readable(folder / CARD)
    has_licence = _LICENCE_HEADING.search(card) or any(map(_LICENCE_FILE.fullmatch, names))
    missing = {
        f"no card (write {CARD}: what it is, data, training)": bool(card.strip()),
        "no licence (a heading Licence in the card, or a file LICENSE)": bool(has_licence),
        "no preview (preview.flac or preview.wav)": any(name in names for name in _PREVIEWS),
    }
    return [clause for clause, is_there in missing.items() if not is_there]


def copy_files(files: list[Path], folder: Path) -> None:
    """Copy `files` into `folder`, which is made.

    Raises:
        RequestError: they cannot be read, or the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True)
        for path in files:
            shutil.copyfile(path, folder / path.name)
    except OSError as error:
        raise RequestError(f"cannot write {folder}: {error.strerror} (check the disk)") from error


def write_zip(folder: Path, path: Path) -> None:
    """Write the files in `folder` to the zip file `path`, below the folder's name.

    Raises:
        RequestError: `path` cannot be written.
    """
    part = path.with_name(f"{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as archive:
            for file in sorted(folder.iterdir()):
                archive.write(file, f"{folder.name}/{file.name}")
        os.replace(part, path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise RequestError(
            f"cannot write {path}: {error.strerror} (choose another --output_path)"
        ) from error


def unpack(path: Path, folder: Path) -> None:
    """Unpack the zip file `path` into `folder`, which exists and is empty.

    Raises:
        RequestError: it is no zip file, damaged, too large, or holds what must not be there.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            entries = _checked_entries(archive)
            left = MAX_BYTES
            for entry in entries:
                left -= _write_entry(archive, entry, folder, left)
    except RequestError:
        raise
    except OSError as error:
        reason = error.strerror or error
        raise RequestError(f"cannot unpack {path}: {reason} (check path and disk)") from error
    except Exception as error:  # each way of packing has errors of its own for damaged bytes
        reason = str(error) or type(error).__name__
        raise RequestError(f"{path} is not a sound zip file: {reason} (get it again)") from error


def _checked_entries(archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    entries = [
        entry
        for entry in archive.infolist()
        if not entry.is_dir() and not entry.filename.startswith(_NOT_OURS)
    ]
    if len(entries) > MAX_FILES:
        raise RequestError(f"the zip file holds {len(entries)} files (at most {MAX_FILES})")
    names = [entry.filename.casefold() for entry in entries]
    for entry in entries:
        reason = "is there twice" if names.count(entry.filename.casefold()) > 1 else _fault(entry)
        if reason:
            raise RequestError(
                f"{entry.filename!r} in the zip file {reason} (nothing is installed)"
            )
    return entries


def _fault(entry: zipfile.ZipInfo) -> str | None:
    """Return why an entry must not be unpacked, None if it may."""
    parts = entry.filename.split("/")
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if "\\" in entry.orig_filename or ":" in entry.filename or not entry.filename.isprintable():
        return "has a name that is no path of every system"
    if not all(parts) or any(part in (".", "..") for part in parts):
        return "leads out of its folder"
    if kind not in (0, stat.S_IFREG):
        return "is a link or a special file"
    if entry.flag_bits & _ENCRYPTED:
        return "is encrypted"
    return None


def _write_entry(
    archive: zipfile.ZipFile, entry: zipfile.ZipInfo, folder: Path, most_bytes: int
) -> int:
    """Write one file, at most `most_bytes` bytes long; return its length."""
    path = folder.joinpath(*entry.filename.split("/"))
    path.parent.mkdir(parents=True, exist_ok=True)
    size = 0
    with archive.open(entry) as source, open(path, "xb") as file:
        for chunk in _chunks(source):
            size += len(chunk)
            if size > most_bytes:
                raise RequestError(
                    f"the zip file is larger than {MAX_BYTES / 1e9:.1f} GB unpacked "
                    "(nothing is installed)"
                )
            file.write(chunk)
    return size


def _chunks(source: IO[bytes]) -> Iterator[bytes]:
    while chunk := source.read(_CHUNK):
        yield chunk
