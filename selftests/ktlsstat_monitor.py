#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""ktlsstat monitor: what is told while sessions begin and end."""
import contextlib
import datetime
import json
import os
import select
import signal
import socket
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/lib")
import tap                              # pylint: disable=wrong-import-position
from tap import rows, test
from sessions import TLS_TX, Sender, equal, install, prepare

LIMIT = 20


class Monitor:
    """One that has joined: before, events would pass it by."""

    def __init__(self, *words, stdout=subprocess.PIPE):
        self.run = subprocess.Popen(("ktlsstat", "monitor") + words,
                                    stdout=stdout, stderr=subprocess.PIPE)
        self.text = b""
        tap.eventually(self.listens, "the monitor listens")

    def row(self):
        """Of its socket: protocol, port, groups, ..., drops, inode."""
        with open(f"/proc/{self.run.pid}/net/netlink",
                  encoding="ascii") as table:
            for line in list(table)[1:]:
                words = line.split()
                if words[1:3] == ["16", str(self.run.pid)]:
                    return words
        return None

    def listens(self):
        """Groups beyond 32 are not in that table: it waits in poll()."""
        with open(f"/proc/{self.run.pid}/wchan", encoding="ascii") as wchan:
            waits = "poll" in wchan.read()
        return self.run.poll() is not None or (self.row() and waits)

    def drops(self):
        return int(self.row()[8])

    def line(self):
        while b"\n" not in self.text:
            if not select.select([self.run.stdout], [], [], LIMIT)[0]:
                raise AssertionError("nothing is told")
            more = os.read(self.run.stdout.fileno(), 1 << 16)
            if not more:
                raise AssertionError("it has ended")
            self.text += more
        line, self.text = self.text.split(b"\n", 1)
        return line.decode() + "\n"

    def end(self, sig=signal.SIGTERM):
        if sig:
            self.run.send_signal(sig)
        out, err = self.run.communicate(timeout=LIMIT)
        out = self.text + out
        return self.run.returncode, out.decode(), err.decode()


@contextlib.contextmanager
def monitor(*words):
    m = Monitor(*words)
    try:
        yield m
    finally:
        if m.run.poll() is None:
            m.run.kill()
            m.run.communicate()


def session(size=0, begins=lambda: None):
    """@begins waits for its event: a shorter one is told at its end only."""
    sender = Sender()
    told = begins()
    if size:
        sender.send(size)
        sender.oracle.wait(size)
    sender.close()
    return sender.cookie_was, told


@test
def a_session_is_told_as_it_begins_and_ends():
    with monitor("-j") as m:
        sender = Sender("TLS1.2", "AES-256-GCM")
        begin = json.loads(m.line())
        sender.send(50000)
        told = sender.told()
        sender.close()
        end = json.loads(m.line())
        equal((0, "", ""), m.end())
    equal(["open", "close"], [begin["event"], end["event"]])
    for event in begin, end:
        equal(sender.cookie_was, event["cookie"])
        equal(("TLS1.2", "AES-256-GCM"), (event["version"], event["cipher"]))
        if "processes" in event:
            raise AssertionError("nobody asked for processes")
    equal(told, end["tx"])
    equal(0, begin["tx"]["bytes"])


@test
def lines_have_times_and_columns():
    with monitor("-o", "cookie,tx-bytes,process", "--bytes") as m:
        titles = m.line().split()
        equal(["TIME", "EVENT", "COOKIE", "TX-BYTES", "PROCESS"], titles)
        before = datetime.datetime.now().astimezone()
        name, first = session(12345, m.line)
        first, last = first.split(), m.line().split()
        after = datetime.datetime.now().astimezone()
        equal((0, "", ""), m.end(signal.SIGINT))
    equal(["open", name, "0"], first[1:4])
    equal(["close", name, "12345", "-"], last[1:])
    for line in first, last:
        when = datetime.datetime.fromisoformat(line[0])
        equal(len("2026-01-01T00:00:00.123456+00:00"), len(line[0]))
        if not before <= when <= after:
            raise AssertionError(f"{line[0]} is not in {before} - {after}")


@test
def times_may_be_unix():
    with monitor("-t", "unix", "-j", "-o", "cookie") as m:
        name, told = session(0, m.line)
        told = [json.loads(told), json.loads(m.line())]
    for event in told:
        equal({"time", "event", "cookie"}, set(event))
        equal(name, event["cookie"])
        if abs(event["time"] - datetime.datetime.now().timestamp()) > LIMIT:
            raise AssertionError(event["time"])


@rows([("beginnings", "--open", "open"), ("ends", "--close", "close")])
def one_kind_may_be_enough(option, want):
    with monitor("-j", "-c", "2", option) as m:
        begins = m.line if want == "open" else lambda: None
        made = [session(0, begins), session(0, begins)]
        status, out, err = m.end(0)
    equal((0, ""), (status, err))
    told = [json.loads(line) for line in
            out.splitlines() or [line for _, line in made]]
    equal([name for name, _ in made], [event["cookie"] for event in told])
    equal([want] * 2, [event["event"] for event in told])


@test
def filters_choose_the_events():
    with monitor("-j", "-c", "3", "tx-bytes>=100") as m:
        wanted = []
        for size in (5, 100, 99, 101, 102):
            name, _ = session(size)
            if size >= 100:
                wanted.append(name)
        status, out, err = m.end(0)
    equal((0, ""), (status, err))
    equal(wanted, [json.loads(line)["cookie"] for line in out.splitlines()])


@test
def lost_events_are_told():
    with monitor("-j", "-o", "cookie") as m:
        m.run.send_signal(signal.SIGSTOP)
        with socket.create_server(("127.0.0.1", 0)) as server:
            while not m.drops():
                for _ in range(100):
                    here = socket.create_connection(server.getsockname())
                    there = server.accept()[0]
                    install(here, TLS_TX)
                    here.close()
                    there.close()
        m.run.send_signal(signal.SIGCONT)
        while json.loads(m.line())["event"] != "lost":
            pass
        name, _ = session()
        while json.loads(m.line()).get("cookie") != name:
            pass
        equal((0, ""), m.end()[::2])


@test
def nobody_reads_any_more():
    with monitor("-j") as m:
        m.run.stdout.close()
        m.run.wait(LIMIT)
        equal((0, b""), (m.run.returncode, m.run.stderr.read()))


@test
def privilege_is_needed():
    for form in (), ("-j",):
        run = subprocess.run(("setpriv", "--reuid", "65534", "--clear-groups",
                              "ktlsstat", "monitor") + form, check=False,
                             capture_output=True, timeout=LIMIT)
        equal(1, run.returncode)
        tap.holds(b"CAP_NET_ADMIN", run.stdout if form else run.stderr)


@rows([("a count", ("-c", "0"), "--count"), ("no count", ("-c", "x"),
                                             "--count"),
       ("a time", ("-t", "tea"), "--time"), ("a filter", ("x=1",), "x=1"),
       ("a column", ("-o", "x"), "'x'"), ("an order", ("-s", "age"),
                                          "--sort")])
def wrong(words, culprit):
    run = subprocess.run(("ktlsstat", "monitor") + words, check=False,
                         capture_output=True, timeout=LIMIT)
    equal((2, b""), (run.returncode, run.stdout))
    tap.holds(culprit.encode(), run.stderr)


@test
def many_events_come_in_order_and_once():
    with monitor("-j", "-o", "cookie", "--close") as m:
        names = [session()[0] for _ in range(50)]
        told = [json.loads(m.line())["cookie"] for _ in names]
        equal((0, "", ""), m.end())
    equal(names, told)


tap.run(prepare)
