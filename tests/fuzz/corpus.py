"""The corpus of the C++ fuzzer: a file for libFuzzer each, one line a file in the repository.

python tests/fuzz/corpus.py unpack FILE FOLDER
python tests/fuzz/corpus.py pack FOLDER FILE
"""

import hashlib
import sys
from pathlib import Path


def unpack(file: Path, folder: Path) -> None:
    """Write each line of `file`, hexadecimal, as a file of its own into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    for line in file.read_text(encoding="ascii").splitlines():
        content = bytes.fromhex(line)
        (folder / hashlib.sha1(content).hexdigest()).write_bytes(content)


def pack(folder: Path, file: Path) -> None:
    """Write the files in `folder` as the lines of `file`, short ones first."""
    lines = {path.read_bytes().hex() for path in folder.iterdir()}
    text = "".join(f"{line}\n" for line in sorted(lines, key=lambda line: (len(line), line)))
    file.write_text(text, encoding="ascii")


if __name__ == "__main__":
    {"unpack": unpack, "pack": pack}[sys.argv[1]](Path(sys.argv[2]), Path(sys.argv[3]))
