"""A detached object of the class that is deleted while its handler writes into an array."""

import os
import sys
import time

from class_in_pd import LOAD_LIMIT_S, ClassInPd
from pd_host import PdHost, write_patch
from places import GRU, PROJECT, PYEXT_CLASSES
from processes import wait_until_ended

NUM_VOICES = 6
BUSY_S = 0.5  # Pd, just before the object is deleted: the handler waits for an array by then
LONGEST_S = 0.25  # it was more than half a second; Pd, its reply and a busy machine included


class DetachedInPd(PdHost):
    """A Pd with a detached object in a subpatch; `go` keeps Pd busy, then deletes the object."""

    def __init__(self, folder):
        patch = write_patch(
            folder,
            "#N canvas 60 60 400 200 instrument 0",
            "#X obj 20 20 receive samplernn",
            "#X obj 20 60 pyext samplernn_pd samplernn @detach 1",
            "#X obj 20 100 print status",
            "#X connect 0 0 1 1",
            "#X connect 1 0 2 0",
            "#X restore 20 20 pd instrument",
            "#X obj 20 60 receive go",
            "#X obj 20 90 t b b",
            f"#X msg 60 120 note 1 {BUSY_S}",
            "#X obj 60 150 pyext detach_classes Recorder",
            r"#X msg 20 180 \; pd-instrument clear",
            "#X connect 1 0 2 0",
            "#X connect 2 1 3 0",
            "#X connect 3 0 4 1",
            "#X connect 2 0 5 0",
            *(f"#X obj 200 {20 * k} array define sound{k} 64" for k in range(NUM_VOICES)),
        )
        folders = (PROJECT, PROJECT / "pd", PYEXT_CLASSES)
        paths = [word for folder in folders for word in ("-path", str(folder))]
        env = {**os.environ, "SAMPLERNN_PYTHON": sys.executable}
        super().__init__(patch, args=paths, env=env, time_limit_s=120)

    worker_pids = ClassInPd.worker_pids


def test_pd_does_not_stand_still_where_a_detached_object_is_deleted_in_mid_take(tmp_path):
    with DetachedInPd(tmp_path) as pd:
        pd.send("samplernn", "load", GRU, "voices", NUM_VOICES, "precision", "float32")
        pd.wait_for("^status: loaded gru_mulaw", LOAD_LIMIT_S)
        (worker,) = pd.worker_pids()
        pd.send("samplernn", "length", 60)
        pd.send("samplernn", "generate", *(f"sound{k}" for k in range(NUM_VOICES)))
        pd.wait_for("^status: progress", LOAD_LIMIT_S)
        pd.sync()
        began = time.monotonic()
        pd.send("go")
        pd.sync()
        stood_still_s = time.monotonic() - began - BUSY_S
        wait_until_ended(worker)
        pd.sync()
        assert "Traceback" not in pd.console
        assert "Error" not in pd.console
        assert stood_still_s < LONGEST_S
