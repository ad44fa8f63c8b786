#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""ktlsstat watch in a terminal: what tmux sees of it, against what went through
the sockets."""
import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE + "/lib")
# pylint: disable=wrong-import-position
import ktlssock as k
from tap import equal, eventually, holds, rows, test
import tap

SHELL = "PS1='ready> ' exec bash --norc --noprofile -i"
BLOCKS = "▁▂▃▄▅▆▇█"
TITLE = re.compile(r"ktlsstat watch  \d{4}-\d\d-\d\d \d\d:\d\d:\d\d  "
                   r"every ([\dhms.]+)  by (\S+), (larg|small)est first"
                   r"(  \[paused\])?$")
TOTALS = re.compile(r"sessions: (\d+) live, (\d+) closed; 0 missed; "
                    r"(\d+) errors; 0 busy$")
DIRECTION = re.compile(r"(?:TX|RX) +(\S+)/s +(\S+) rec/s  sum +(\S+) ?(.*)$")
TITLES = 5          # the line of titles
TMUX = ("tmux", "-u", "-L", f"ktls-{os.getpid()}", "-f", "/dev/null")


def tmux(*words):
    return subprocess.run((*TMUX, *words), text=True, check=True, timeout=60,
                          stdout=subprocess.PIPE).stdout


class Screen:
    """A terminal with a shell in it, and ktlsstat watch in that."""

    def __init__(self, *words, columns=110, lines=24, before="", locale=None):
        env = {"LC_ALL": locale or "C.UTF-8", "TERM": "screen"}
        subprocess.run(
            (*TMUX, "set", "-g", "default-terminal", "tmux-256color", ";",
             "new-session", "-d", "-x", str(columns), "-y", str(lines), SHELL),
            check=True, timeout=60, env={**os.environ, **env})
        tmux("set", "-g", "default-terminal", "tmux-256color")
        self.until("ready>")
        if words:
            self.type(f"export TERM=tmux-256color LC_ALL={env['LC_ALL']}")
            self.type(" ".join((before, k.KTLSSTAT, "watch", *words)))
            self.until("ktlsstat watch  ")

    def lines(self, *how):
        return [l.rstrip() for l in
                tmux("capture-pane", "-p", *how).split("\n")]

    def text(self):
        return "\n".join(self.lines())

    def until(self, what):
        """Waits for that text on the screen."""
        try:
            eventually(lambda: what in self.text(), what, 60)
        except AssertionError:
            raise AssertionError(f"{what!r} is not on the screen:\n" +
                                 self.text()) from None

    def until_that(self, condition, what):
        try:
            eventually(condition, what, 60)
        except AssertionError:
            raise AssertionError(f"in vain: {what}; the screen:\n" +
                                 self.text()) from None

    def keys(self, *names):
        tmux("send-keys", *names)

    def type(self, text):
        tmux("send-keys", "-l", text)
        tmux("send-keys", "Enter")

    def resize(self, columns, lines):
        tmux("resize-window", "-x", str(columns), "-y", str(lines))

    def table(self):
        """{title: cell} of each session, of what the screen has room for."""
        lines = self.lines()
        if len(lines) <= TITLES:
            return []
        places = [(m.group(), m.end()) for m in
                  re.finditer(r"[^\s↓↑]+", lines[TITLES])]
        found = []
        for line in lines[TITLES + 1:]:
            if line:
                found.append(Row(places, line))
        return found

    def pid(self):
        """Of watch, the only child of the shell."""
        shell = tmux("display", "-p", "#{pane_pid}").strip()
        return int(subprocess.run(("pgrep", "-P", shell), check=True,
                                  stdout=subprocess.PIPE).stdout)

    def totals(self):
        return TOTALS.match(self.lines()[1]).groups()

    def sane(self):
        """The terminal is the shell's again, as it was."""
        self.keys("C-l")
        self.type("stty -a")
        self.until("iutf8")
        words = self.text().split()
        for word in "echo", "icanon", "icrnl", "isig", "opost":
            if word not in words and word + ";" not in words:
                raise AssertionError(f"{word} is off: {words}")
        equal("0", tmux("display", "-p", "#{alternate_on}").strip())
        equal("1", tmux("display", "-p", "#{cursor_flag}").strip())


class Row:
    """Cells stand under titles, as wide as they need."""

    def __init__(self, places, line):
        self.line = line
        cells = [(m.group(), m.start(), m.end()) for m in
                 re.finditer(r"\S+(?: \S+)*", line)]
        self.cell = {}
        for title, end in places:
            start = end - len(title)
            for text, first, last in cells:
                if first <= end and last >= start:
                    self.cell[title] = text

    def __getitem__(self, title):
        return self.cell.get(title, "")


@contextlib.contextmanager
def screen(*words, **more):
    try:
        yield Screen(*words, **more)
    finally:
        subprocess.run((*TMUX, "kill-server"), check=False, timeout=60,
                       stderr=subprocess.DEVNULL)


@contextlib.contextmanager
def pairs(n=1, **more):
    made = [k.pair(**more) for _ in range(n)]
    try:
        yield made
    finally:
        for pair in made:
            for sock in pair:
                sock.close()


class Sender(threading.Thread):
    """Sends at a steady pace, and knows at which, until it is told to stop."""

    def __init__(self, pair, size, seconds):
        super().__init__(daemon=True)
        self.pair, self.size, self.seconds = pair, size, seconds
        self.log = [(time.monotonic(), 0)]
        self.stop = threading.Event()

    def run(self):
        while not self.stop.wait(self.seconds):
            k.send(self.pair, self.size)
            self.log.append((time.monotonic(), self.log[-1][1] + self.size))

    def sent(self):
        return self.log[-1][1]

    def rate(self):
        """Of the last three seconds."""
        now, sent = self.log[-1]
        then, had = next(e for e in self.log if e[0] >= now - 3)
        return (sent - had) / max(now - then, 0.001)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        self.join()


def peer_of(sock):
    return "%s:%d" % sock.getpeername()[:2]


def row_of(shown, sock):
    found = [r for r in shown.table() if r["PEER"] == peer_of(sock)]
    return found[0] if found else Row([], "")


# --- what is shown ------------------------------------------------------------

@test
def nothing_is_said_of_nothing():
    with screen("-d", "0.5") as shown:
        shown.until("no sessions")
        lines = shown.lines()
        if not TITLE.match(lines[0]) or not TOTALS.match(lines[1]):
            raise AssertionError("\n".join(lines))
        equal("0", shown.totals()[0])
        for line in lines[2:4]:
            equal("0B", DIRECTION.match(line).group(3))
        holds("PEER", lines[TITLES])
        equal("", "".join(lines[TITLES + 1:]))


@test
def sums_are_exact():
    with pairs(version="TLS1.2", cipher="AES-256-GCM") as [(here, there)], \
            screen("--bytes", "-d", "0.5", "-s", "-tx-bytes",
                   columns=220) as shown:
        k.send((here, there), 70000)
        shown.until_that(lambda: row_of(shown, here)["TX-BYTES"] == "70000",
                         "all bytes sent")
        shown.until_that(lambda: row_of(shown, there)["RX-BYTES"] == "70000",
                         "all bytes received")
        equal(("2", "0"), (shown.totals()[0], shown.totals()[1][:1]))
        row = row_of(shown, here)
        for title, want in {"RX-BYTES": "0", "VERSION": "TLS1.2",
                            "CIPHER": "AES-256-GCM", "FLAGS": "-",
                            "LABEL": "-"}.items():
            equal(want, row[title])
        holds(f"/{os.getpid()}", row["PROCESS"])
        for line, direction in zip(shown.lines()[2:4], ("tx", "rx")):
            equal(str(k.ask("show")[direction]["bytes"]),
                  DIRECTION.match(line).group(3))


@test
def rates_are_those_of_the_sender():
    with pairs() as [(here, there)], \
            Sender((here, there), 5000, 0.05) as sender, \
            screen("--bytes", "-d", "3", "-n") as shown:
        def near(text, want):
            return text.isdigit() and want * 0.7 < int(text) < want * 1.4

        shown.until_that(lambda: near(row_of(shown, here)["TX/s"],
                                      sender.rate()), "its rate")
        shown.until_that(lambda: near(row_of(shown, there)["RX/s"],
                                      sender.rate()), "the peer's rate")
        shown.until_that(lambda: near(
            DIRECTION.match(shown.lines()[2]).group(1), sender.rate()),
            "the rate of all")
        shown.until_that(lambda: BLOCKS[-1] in row_of(shown, here)["TREND"],
                         "its trend")
        holds(BLOCKS[-1], shown.lines()[2])
        equal("0", row_of(shown, here)["RX/s"])
        sender.stop.set()
        shown.until_that(lambda: row_of(shown, here)["TX/s"] == "0", "silence")
        equal(BLOCKS[0], row_of(shown, here)["TREND"][-1])
        equal(str(sender.sent()), row_of(shown, here)["TX-BYTES"])


@test
def a_session_that_closed_is_told_once_more_and_dim():
    with pairs() as [quiet], screen("-d", "2") as shown:
        pair = k.pair()
        shown.until_that(lambda: row_of(shown, pair[0])["TX/s"] == "0B",
                         "the session")
        name = peer_of(pair[0])
        for sock in pair:
            sock.close()
        shown.until_that(lambda: any(
            re.match(re.escape(name) + r" +closed +- ", l)
            for l in shown.lines()), "its end")
        styled = [l for l in shown.lines("-e") if name in l]
        holds("\x1b[2m", styled[0])
        if "\x1b[2m" in "".join(l for l in shown.lines("-e")
                                if peer_of(quiet[0]) in l):
            raise AssertionError("the others are dim, too")
        shown.until_that(lambda: name not in shown.text(), "it to go")
        holds(peer_of(quiet[0]), shown.text())


@test
def names_cannot_write_to_the_terminal():
    with open("/proc/self/comm", encoding="ascii") as comm:
        name = comm.read()
    with open("/proc/self/comm", "wb", buffering=0) as comm:
        comm.write(b"\x1b[31m%s%n\xff")
        try:
            with pairs(), screen("-d", "0.5", columns=200) as shown:
                shown.until("\\x1b[31m%s%n\\xff")
                if "\x1b[31m" in "".join(shown.lines("-e")):
                    raise AssertionError("it is red")
        finally:
            comm.write(name.encode())


@test
def without_utf8_there_is_ascii_only():
    with pairs() as [pair], Sender(pair, 5000, 0.05), \
            screen("-d", "0.5", locale="C") as shown:
        shown.until("#")
        if not shown.text().isascii():
            raise AssertionError(shown.text())
        holds("TRENDv", shown.text())


# --- keys ---------------------------------------------------------------------

@test
def the_order_is_chosen():
    with pairs(3) as made, screen("--bytes", "-d", "0.5", "-s",
                                  "-tx-bytes") as shown:
        for n, pair in enumerate(made):
            k.send(pair, 1000 * (n + 1))

        def order():
            return [r["TX-BYTES"] for r in shown.table()]

        def titled(text):
            shown.until_that(lambda: text in shown.lines()[TITLES], text)

        down = ["3000", "2000", "1000", "0", "0", "0"]
        shown.until_that(lambda: order() == down, "the largest first")
        titled("TX-BYTES↓")
        shown.keys("r")
        shown.until_that(lambda: order() == down[::-1], "the smallest first")
        titled("TX-BYTES↑")
        shown.keys(">")
        titled("RX-BYTES↓")
        shown.until_that(lambda: order()[:3] == ["0"] * 3, "receivers first")
        shown.keys("<")
        titled("TX-BYTES↓")
        shown.until_that(lambda: order() == down, "the largest first again")
        shown.keys("s")
        shown.until("sort by (")
        shown.type("peer")
        titled("PEER↑")
        shown.keys("s")
        shown.type("nonsense")
        shown.until("no column 'nonsense'; there are PEER, ")
        titled("PEER↑")


@test
def a_filter_is_typed():
    with pairs(2) as made, screen("--bytes", "-d", "0.5") as shown:
        k.send(made[1], 5000)
        shown.until_that(lambda: len(shown.table()) == 4, "all sessions")
        shown.keys("/")
        shown.until("show only")
        shown.type("tx-bytes>1k")
        shown.until("1-1 of 1; filter: tx-bytes>1k")
        equal([peer_of(made[1][0])], [r["PEER"] for r in shown.table()])
        shown.keys("/")
        shown.type(" nonsense<1")
        shown.until("'nonsense<1': no such column; there are ")
        equal(1, len(shown.table()))
        port = made[0][0].getsockname()[1]
        shown.keys("/", "C-u")
        shown.type(f"lport={port}")
        shown.until(f"filter: lport={port}")
        shown.until_that(lambda: [r["PEER"] for r in shown.table()] ==
                         [peer_of(made[0][0])], "another session")
        if "closed   " in shown.text():
            raise AssertionError("what is left out did not close")
        shown.keys("/", "C-u", "Enter")
        shown.until_that(lambda: len(shown.table()) == 4, "all again")


@test
def filters_may_be_given_at_the_start():
    with pairs(2) as made:
        port = made[0][0].getsockname()[1]
        with screen("-d", "0.5", f"lport={port}", "'rx-bytes<1M'") as shown:
            shown.until(f"1-1 of 1; filter: lport={port} rx-bytes<1M")


@test
def it_pauses_and_looks_on_demand():
    with pairs() as [pair], screen("--bytes", "-d", "0.2") as shown:
        shown.until_that(lambda: row_of(shown, pair[0])["TX-BYTES"] == "0",
                         "the session")
        shown.keys("p")
        shown.until("[paused]")
        k.send(pair, 1234)
        # Some intervals of another one that goes on.
        for _ in range(3):
            equal(1234, k.ask("list")[0]["tx"]["bytes"] +
                  k.ask("list")[1]["tx"]["bytes"])
        equal("0", row_of(shown, pair[0])["TX-BYTES"])
        shown.keys("Enter")
        shown.until_that(lambda: row_of(shown, pair[0])["TX-BYTES"] == "1234",
                         "one look")
        k.send(pair, 1000)
        shown.keys("p")
        shown.until_that(lambda: row_of(shown, pair[0])["TX-BYTES"] == "2234",
                         "to go on")
        if "[paused]" in shown.text():
            raise AssertionError("still paused")


@test
def sums_stand_in_place_of_rates():
    with pairs(), screen("-d", "0.5") as shown:
        shown.until("TX/s")
        shown.keys("c")
        shown.until("TX-RECS")
        for title in "TX/s", "TREND":
            if title in shown.lines()[TITLES]:
                raise AssertionError(title + " is still there")
        shown.keys("c")
        shown.until("TX/s")


@test
def the_interval_is_chosen():
    with screen("-d", "0.5") as shown:
        shown.until("every 0.5s")
        shown.keys("+")
        shown.until("every 1.0s")
        shown.keys("-", "-")
        shown.until("every 0.2s")
        shown.keys("d")
        shown.type("90")
        shown.until("every 1m30s")
        shown.keys("d")
        shown.type("0.01")
        shown.until("delay '0.01': want 0.1 to 3600 seconds")


@test
def help_is_there_and_goes():
    with screen("-d", "0.5") as shown:
        for key in "h", "?":
            shown.keys(key)
            shown.until("Any key goes back.")
            shown.keys("q")
            shown.until("ktlsstat watch  ")


@test
def many_sessions_scroll():
    with pairs(20), screen("-d", "0.5") as shown:
        shown.until("1-18 of 40")
        for key, want in (("NPage", "19-36"), ("Down", "20-37"),
                          ("End", "23-40"), ("PPage", "5-22"), ("Up", "4-21"),
                          ("Home", "1-18")):
            shown.keys(key)
            shown.until(want + " of 40")
        shown.keys("Right")
        shown.until_that(lambda: re.match(r"PEER +RX/s", shown.lines()[TITLES]),
                         "the columns to move")
        shown.keys("Left")
        shown.until_that(lambda: re.match(r"PEER +TX/s", shown.lines()[TITLES]),
                         "the columns to come back")


# --- the terminal -------------------------------------------------------------

@test
def it_fits_a_terminal_that_changes():
    with pairs(20), screen("-d", "60") as shown:
        shown.until("1-18 of 40")
        shown.resize(200, 40)
        shown.until("1-34 of 40")
        shown.until("CIPHER")
        shown.resize(60, 12)
        shown.until("1-6 of 40")
        shown.resize(20, 5)
        shown.until("too small: 40x8 ")
        shown.resize(110, 60)
        shown.until("1-40 of 40")


@rows([("q", lambda s: s.keys("q")),
       ("Ctrl-C", lambda s: s.keys("C-c")),
       ("SIGTERM", lambda s: os.kill(s.pid(), signal.SIGTERM)),
       ("SIGHUP", lambda s: os.kill(s.pid(), signal.SIGHUP))])
def the_terminal_is_left_as_it_was(leave):
    with pairs(), screen("-d", "30") as shown:
        leave(shown)
        shown.until("ready>")
        shown.type("echo status=$?.")
        shown.until("status=0.")
        holds("watch", shown.text())        # the command line, as before
        shown.sane()


@test
def it_stops_and_goes_on():
    with pairs(), screen("-d", "30") as shown:
        shown.until("1-2 of 2")
        shown.keys("C-z")
        shown.until("Stopped")
        shown.sane()
        shown.resize(90, 30)
        shown.type("fg")
        shown.until("1-2 of 2")
        equal("1", tmux("display", "-p", "#{alternate_on}").strip())
        shown.keys("h")
        shown.until("Any key goes back.")
        shown.keys("x", "q")
        shown.until("ready>")
        shown.sane()


@test
def without_a_terminal_list_is_named():
    done = k.run("watch", stdin=subprocess.DEVNULL)
    equal((2, ""), (done.returncode, done.stdout))
    holds("watch wants a terminal: try list", done.stderr)


# ncurses forgets to free a terminal that it does not know.
@rows([("TERM", "ASAN_OPTIONS=detect_leaks=0 TERM=nonsense", [], 2,
        "no terminal that can be used"),
       ("delay", "", ["-d", "0.01"], 2, "want 0.1 to 3600 seconds"),
       ("sort", "", ["-s", "nonsense"], 2, "no column 'nonsense'"),
       ("filter", "", ["nonsense=1"], 2, "no such column"),
       ("json", "", ["--json"], 2, "watch has no --json")])
def wrong_usage_is_said(before, words, status, what):
    with screen(columns=200) as shown:
        shown.type(" ".join((before, k.KTLSSTAT, "watch", *words)))
        shown.until(what)
        shown.type("echo status=$?.")
        shown.until(f"status={status}.")


# --- what is missing ----------------------------------------------------------

@test
def others_see_the_totals():
    with pairs() as [pair], screen(
            "--bytes", "-d", "0.5",
            before="setpriv --reuid 65534 --regid 65534 --clear-groups"
            ) as shown:
        k.send(pair, 4321)
        shown.until("no sessions, which need CAP_NET_ADMIN: try as root")
        want = str(k.ask("show")["tx"]["bytes"])
        shown.until_that(lambda: DIRECTION.match(shown.lines()[2]).group(3) ==
                         want, "the sum")
        if "PEER" in shown.text():
            raise AssertionError("a table of nothing")


@test
def a_module_that_is_removed_does_not_come_back_by_itself():
    with pairs() as [pair], screen("-d", "0.2") as shown:
        shown.until("1-2 of 2")
        subprocess.run(("modprobe", "-r", "ktls_stats"), check=True)
        shown.until("ktls_stats is not loaded (modprobe ktls_stats)")
        shown.until_that(lambda: re.search(r"^TlsTxSw +\d+ +0$", shown.text(),
                                           re.M), "the counters")
        shown.until_that(lambda: re.search(r"^TlsCurrTxSw +1 +0$",
                                           shown.text(), re.M), "our socket")
        equal(False, os.path.exists("/sys/module/ktls_stats"))
        equal(True, k.modprobe("ktls_stats"))
        shown.until("1-2 of 2")
        holds(peer_of(pair[0]), shown.text())


@test
def without_the_module_there_are_counters():
    subprocess.run(("modprobe", "-r", "ktls_stats"), check=True)
    rule = "/etc/modprobe.d/ktls-test.conf"
    os.makedirs(os.path.dirname(rule), exist_ok=True)
    try:
        with open(rule, "w", encoding="ascii") as conf:
            conf.write("install ktls_stats /bin/false\n")
        with screen("-d", "0.2") as shown:
            shown.until("ktls_stats is not loaded")
            shown.until("PER SECOND")
            shown.until("TlsTxSw")
            shown.keys("q")
            shown.until("ready>")
    finally:
        os.unlink(rule)
        k.modprobe("ktls_stats")


def prepare():
    k.need()
    if not shutil.which("tmux"):
        tap.skip_all("no tmux")
    k.own_netns()


tap.run(prepare)
