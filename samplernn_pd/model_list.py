"""Answer which models there are, and show their cards, without holding up Pd.

Folders may be large or on a network, so a thread reads them; the answers wait until the
control delivers them.
"""

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from samplernn_pd.host import Host, absolute
from sopilib.errors import RequestError, SampleRNNError, refused_text
from sopilib.installation import models
from sopilib.installation.model_card import CARD, card_of, read_card, wrapped

CARD_WIDTH = 76  # characters in a line
CARD_LINES = 20
# Tcl, which draws Pd's labels, may read these as its own
_PLAIN = str.maketrans("{}[]$;", "()()S,")

Row = tuple[str | int, ...]
Answer = list[Row] | str  # status messages, or the text of an error


class ModelList:
    """The folders of models that an object in Pd knows, and answers about them.

    Args:
        host: the class in Pd.
    """

    def __init__(self, host: Host) -> None:
        self._host = host
        self._folders: list[str] = []  # of `models_in`
        self._answers: queue.SimpleQueue[Answer] = queue.SimpleQueue()
        self._arrived = threading.Event()
        self._num_open = 0  # questions without a delivered answer

    @property
    def is_busy(self) -> bool:
        """Whether an answer is still to be delivered."""
        return self._num_open > 0

    def add_folder(self, folder: str) -> None:
        """Also look in `folder`, absolute or relative to the patch."""
        path = absolute(self._host, folder)
        if path not in self._folders:
            self._folders.append(path)

    def search_folders(self) -> tuple[str, ...]:
        """Return the folders that the worker does not know, in the order of search."""
        folders = (self._host.patch_folder, *self._folders, *self._host.search_folders)
        return tuple(dict.fromkeys(folders))

    def places(self) -> list[models.ModelPlace]:
        """Return all places of models in the order of search."""
        beside = (self._host.patch_folder, *self._folders)
        return models.model_places(beside, self._host.search_folders)

    def ask(self, question: Callable[[], list[Row]]) -> None:
        """Call `question` in a thread; what it returns becomes an answer."""
        self._num_open += 1
        try:
            threading.Thread(target=self._answer, args=(question,), daemon=True).start()
        except RuntimeError as error:
            self._answers.put(f"models: the system refuses: {error} (close other programs)")

    def wait(self, timeout_s: float) -> None:
        """Wait for an answer, at most `timeout_s` seconds. Not for use on Pd's thread."""
        self._arrived.wait(timeout_s)
        self._arrived.clear()

    def answers(self) -> Iterator[Answer]:
        """Yield the answers that have arrived since the last call."""
        while not self._answers.empty():
            self._num_open -= 1
            yield self._answers.get()

    def _answer(self, question: Callable[[], list[Row]]) -> None:
        try:
            self._answers.put(question())
        except SampleRNNError as error:
            self._answers.put(str(error))
        except OSError as error:
            self._answers.put(refused_text(error))
        except Exception as error:  # there is always an answer
            self._answers.put(f"models: {type(error).__name__}: {error}")
        self._arrived.set()


def list_rows(places: Sequence[models.ModelPlace]) -> list[Row]:
    """Return a status `model` for each model, and `models` with their number."""
    found = models.find_models(places)
    rows: list[Row] = [("model", m.name, m.sample_rate, m.kind.value) for m in found]
    return [*rows, ("models", len(found))]


def card_rows(folder: Path) -> list[Row]:
    """Return the status `card` of the model in `folder`, then a `card_line` for each line.

    Raises:
        RequestError: it has no card.
    """
    card = card_of(folder)
    if card is None:
        raise RequestError(f"card: {folder.name} has no card (write {folder / CARD})")
    lines = wrapped(read_card(card), CARD_WIDTH, CARD_LINES)
    rows: list[Row] = [
        ("card_line", number, line.translate(_PLAIN)) for number, line in enumerate(lines, 1)
    ]
    return [("card", folder.name, str(card), len(lines)), *rows]


def named_folder(name: str | None, places: Sequence[models.ModelPlace]) -> Path:
    """Return the folder of a model in `places`.

    Args:
        name: of the model or its beginning; None is the first model.
        places: of models.

    Raises:
        RequestError: there is no such model.
        CheckpointError: `name` is the beginning of several models' names.
    """
    found = models.find_models(places)
    if name is not None:
        full = Path(models.complete_name(name, [place.folder for place in places])).name
        found = [model for model in found if model.name == full]
    if not found:
        raise RequestError(f"card: no model {name or ''} (see the message models)")
    return found[0].folder
