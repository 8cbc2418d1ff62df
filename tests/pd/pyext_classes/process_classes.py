"""Classes that start processes, like a class with a worker."""

import atexit
import os
import signal
import subprocess
import threading

import pyext

CHILD = "import sys; print(sum(1 for line in sys.stdin), flush=True)"


class Starter(pyext._class):
    """Starts children from several threads while Pd's thread is busy, and counts."""

    _inlets = 1
    _outlets = 1

    def start_1(self, python, num_threads, num_children):
        self.answers = []
        self.threads = [
            threading.Thread(target=self.run, args=(str(python), num_children))
            for _ in range(num_threads)
        ]
        for thread in self.threads:
            thread.start()
        threading.Thread(target=self.join).start()

    def run(self, python, num_children):
        for _ in range(num_children):
            child = subprocess.run(
                [python, "-S", "-c", CHILD], input=b"a\nb\nc\n", capture_output=True, timeout=20
            )
            self.answers.append((child.returncode, child.stdout))

    def join(self):
        for thread in self.threads:
            thread.join()
        self._outlet(1, "answers", [len(self.answers), self.answers.count((0, b"3\n"))])

    def pipe_1(self):
        child = subprocess.Popen(["true"], stdin=subprocess.PIPE)
        child.wait()
        try:
            child.stdin.write(b"x" * 100000)
            child.stdin.flush()
        except BrokenPipeError:
            print("broken pipe raised")
        child.stdin = None

    def terminate_1(self):
        child = subprocess.Popen(["sleep", "100"])
        child.terminate()
        print("terminated", child.wait(10) == -signal.SIGTERM)

    def fork_1(self):
        child = os.fork()
        if child == 0:
            os.execv("/bin/sh", ["sh", "-c", "exit 7"])
        print("forked", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))


class Worker(pyext._class):
    """Has a child that ends when its stdin closes, and stops it in `_del`."""

    _inlets = 1

    def __init__(self):
        self.child = subprocess.Popen(["cat"], stdin=subprocess.PIPE)
        print("child", self.child.pid)
        atexit.register(print, "atexit ran")

    def _del(self):
        self.child.stdin.close()
        print("child ended", self.child.wait(5))
