"""The choice of the thread count, with a clock that the test moves; a team that cannot start."""

import os
import subprocess
import sys

import pytest
from places import PROJECT

from sopilib.engine.thread_team import ThreadTeam


class Team:
    """A team that needs `alone_s` or `all_s` per sample; records who generated which samples."""

    def __init__(self, size, alone_s, all_s):
        self.alone_s, self.all_s = alone_s, all_s
        self.now, self.threads, self.made = 0.0, size, []
        self.chooser = ThreadTeam(self.use_threads, size, piece=10, clock=lambda: self.now)
        self.chooser.measure(self.make)
        self.measured = [(threads, end - begin) for threads, begin, end in self.made]
        self.made.clear()

    def use_threads(self, threads):
        self.threads = threads

    def make(self, begin, end):
        self.made.append((self.threads, begin, end))
        self.now += (end - begin) * (self.alone_s if self.threads == 1 else self.all_s)

    def work(self, num_samples):
        self.made.clear()
        self.chooser.work(num_samples, self.make)
        return self.made


def test_all_work_where_they_are_faster_than_one():
    team = Team(4, alone_s=0.002, all_s=0.0019)
    assert [list(team.work(n)) for n in (10, 300)] == [[(4, 0, 10)], [(4, 0, 300)]]


def test_one_works_alone_where_all_are_slower_from_the_start():
    assert Team(4, alone_s=0.002, all_s=0.02).work(300) == [(1, 0, 300)]


def test_one_goes_on_alone_when_all_become_slower_than_one_was():
    team = Team(2, alone_s=0.002, all_s=0.001)
    team.all_s = 0.003
    assert list(team.work(20)) == [(2, 0, 20)]
    assert list(team.work(20)) == [(1, 0, 20)]


def test_neither_a_slow_start_nor_one_interruption_decides_the_first_choice():
    times = iter([0.009, 0.0002, 0.005, 0.0002] + [0.009, 0.005, 0.0001, 0.0001])
    now, threads = [0.0], []

    def make(begin, end):
        now[0] += (end - begin) * next(times)

    ThreadTeam(threads.append, 2, piece=10, clock=lambda: now[0]).measure(make)
    assert threads == [1, 2]


def test_on_a_busy_machine_a_team_is_measured_by_a_few_samples_alone():
    team = Team(2, alone_s=0.001, all_s=1.0)
    assert team.measured == [(1, 1), *[(1, 10)] * 3, (2, 1)]
    assert team.threads == 1


def test_all_try_again_after_half_a_second_then_after_twice_as_long():
    team = Team(2, alone_s=0.01, all_s=0.02)
    assert list(team.work(50)) == [(1, 0, 50)]  # 0.5 s
    assert list(team.work(50)) == [(2, 0, 10), (1, 10, 50)]
    assert list(team.work(50)) == [(1, 0, 50)]
    assert list(team.work(50)) == [(1, 0, 50)]
    team.all_s = 0.005
    assert list(team.work(50)) == [(2, 0, 10), (2, 10, 50)]
    assert list(team.work(50)) == [(2, 0, 50)]


def test_a_piece_too_short_to_tell_changes_nothing():
    team = Team(2, alone_s=0.002, all_s=0.001)
    team.all_s = 0.1
    assert [list(team.work(9)), list(team.work(9))] == [[(2, 0, 9)], [(2, 0, 9)]]


def test_short_pieces_are_judged_together_and_all_try_again_in_them():
    team = Team(2, alone_s=0.01, all_s=0.005)
    team.all_s = 0.05
    assert [list(team.work(4)) for _ in range(4)] == [[(2, 0, 4)]] * 3 + [[(1, 0, 4)]]
    team.all_s = 0.005
    team.now += 0.5
    assert [list(team.work(4)) for _ in range(6)] == [[(2, 0, 4)]] * 6


def test_a_limit_of_one_is_one_for_good():
    team = Team(2, alone_s=0.01, all_s=0.02)
    team.chooser.limit(1)
    assert [list(team.work(500)), list(team.work(50))] == [[(1, 0, 500)], [(1, 0, 50)]]


def test_a_limit_holds_until_the_next_one():
    team = Team(8, alone_s=0.002, all_s=0.001)
    for limit in (3, 8):
        team.chooser.limit(limit)
        assert list(team.work(20)) == [(limit, 0, 20)]


_FEW_THREADS = """
import resource
from sopilib.engine.engine import EngineGenerator
from sopilib.engine.pack import pack
from sopilib.engine.random_model import random_folded
from sopilib.errors import RequestError
from sopilib.model.config import ModelConfig

config = ModelConfig(frame_sizes=(4, 16), dim=24, num_rnn_layers=1)
packed = pack(config, random_folded(config), "int8")
with open("/proc/self/statm") as file:
    used = int(file.read().split()[0]) * resource.getpagesize()
most = used + (40 << 20)  # room for the stacks of some threads, each of 8 MB
resource.setrlimit(resource.RLIMIT_AS, (most, most))
try:
    EngineGenerator(config, packed, 1, 16)
except RequestError as error:
    print(error)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the limit is Linux's")
def test_threads_that_the_system_refuses_are_one_error():
    ended = subprocess.run(
        ["sh", "-c", 'ulimit -s 8192; exec "$0" "$@"', sys.executable, "-c", _FEW_THREADS],
        env={**os.environ, "PYTHONPATH": str(PROJECT), "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert ended.stdout == "16 threads: the system refuses (give fewer)\n", ended.stderr
