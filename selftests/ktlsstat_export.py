#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""ktlsstat export: its text against what went through the sockets, its pages,
its files, and a real Prometheus that scrapes it."""
import contextlib
import http.client
import json
import os
import re
import resource
import shutil
import signal
import socket
import stat
import subprocess
import sys
import threading
import urllib.parse

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE + "/lib")
# pylint: disable=wrong-import-position
import ktlssock as k
from tap import Skip, equal, eventually, find, holds, rows, test
import tap

TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPEN = "application/openmetrics-text; version=1.0.0; charset=utf-8"
SHARE = next((d for d in ("/usr/share/ktls", "/usr/local/share/ktls",
                          HERE + "/../user/ktlsstat")
              if os.path.exists(d + "/alerts.yml")), None)
SAMPLE = re.compile(r'^([a-z_]+)(?:\{(.*)\})? (\d+)$')
LABEL = re.compile(r'([a-z_]+)="((?:[^"\\]|\\.)*)"')


def parse(text):
    """{(name, labels): value}; every line is understood, and none twice."""
    found = {}
    for line in text.splitlines():
        if line.startswith("# "):
            continue
        name, labels, value = SAMPLE.match(line).groups()
        key = name, tuple(LABEL.findall(labels or ""))
        if key in found:
            raise AssertionError("twice: " + line)
        found[key] = int(value)
    return found


def export(*words):
    done = k.run("export", *words)
    equal((0, ""), (done.returncode, done.stderr))
    return done.stdout


def told_by_show():
    """What show says, as export has to name it."""
    told, show = {}, k.ask("show")
    for name, member in {"ktls_sessions": "live",
                         "ktls_sessions_closed_total": "closed",
                         "ktls_sessions_missed_total": "missed",
                         "ktls_errors_total": "errors"}.items():
        told[name, ()] = show[member]
    told["ktls_sessions_busy", ()] = show.get("busy", 0)
    names = {"bytes": "ktls_bytes_total", "records": "ktls_records_total",
             "wire": "ktls_wire_bytes_total", "rekeys": "ktls_rekeys_total",
             "control": "ktls_control_records_total",
             "live": "ktls_directions",
             "closed": "ktls_directions_closed_total"}
    for row in show["breakdown"]:
        for direction in "tx", "rx":
            if not row[direction]["live"] + row[direction]["closed"]:
                continue
            labels = (("direction", direction), ("version", row["version"]),
                      ("cipher", row["cipher"]), ("mode", row["mode"]))
            for member, value in row[direction].items():
                told[names[member], labels] = value
    return told


def of_module(metrics):
    others = "ktls_up", "ktls_build_info"
    return {key: value for key, value in metrics.items()
            if key[0] not in others and not key[0].startswith("ktls_kernel_")
            and not key[0].startswith("ktls_live_")}


@contextlib.contextmanager
def traffic():
    """Sessions of three kinds with known bytes."""
    kinds = [("TLS1.3", "AES-128-GCM", 100000), ("TLS1.2", "AES-256-GCM", 1),
             ("TLS1.3", "CHACHA20-POLY1305", 16385)]
    pairs = []
    for version, cipher, size in kinds:
        pairs.append(k.pair(version, cipher))
        k.send(pairs[-1], size)
    yield {(version, cipher): size for version, cipher, size in kinds}
    for ends in pairs:
        for sock in ends:
            sock.close()


class Exporter:
    def __init__(self, *words):
        self.process = subprocess.Popen(
            [k.KTLSSTAT, "export", *words], stderr=subprocess.PIPE, text=True)
        self.ready = self.process.stderr.readline()
        if not self.ready.startswith("ktlsstat: listening on "):
            raise AssertionError(self.ready)
        self.address, port = self.ready.split()[-1].rsplit(":", 1)
        self.port = int(port)

    def ask(self, path="/metrics", method="GET", accept=None, body=None):
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        c.request(method, path, body, {"Accept": accept} if accept else {})
        answer = c.getresponse()
        return answer, answer.read().decode()

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self.process.terminate()
        status = self.process.wait(20)
        words = self.process.stderr.read()
        self.process.stderr.close()
        if not kind:
            equal((0, ""), (status, words))


# --- the text -----------------------------------------------------------------

@test
def values_are_those_of_show_and_of_the_sockets():
    before = parse(export())
    with traffic() as sizes:
        after = parse(export())
        equal(told_by_show(), of_module(after))
    for (version, cipher), size in sizes.items():
        for direction in "tx", "rx":
            key = ("ktls_bytes_total", (
                ("direction", direction), ("version", version),
                ("cipher", cipher), ("mode", "sw")))
            equal(size, after[key] - before.get(key, 0))
    equal(1, after["ktls_up", ()])


@test
def kernel_counters_are_all_told():
    told = {name: value for (name, _), value in parse(export()).items()
            if name.startswith("ktls_kernel_")}
    equal(1, told.pop("ktls_kernel_up"))
    with open("/proc/net/tls_stat", encoding="ascii") as f:
        lines = [line.split() for line in f]
    equal(len(lines), len(told))
    for name, value in lines:
        snake = re.sub("(?<!^)([A-Z])", r"_\1", name[3:]).lower()
        total = "" if snake.startswith("curr_") else "_total"
        equal(int(value), told["ktls_kernel_" + snake + total])


@test
def promtool_likes_it():
    with traffic():
        text = export("--sessions-by", "uid")
    done = subprocess.run(("promtool", "check", "metrics"), input=text,
                          capture_output=True, text=True, check=False)
    equal((0, "", ""), (done.returncode, done.stdout, done.stderr))


@test
def openmetrics_tells_the_same():
    with traffic():
        text, other = export(), export("openmetrics")
    equal(parse(text), parse(other))
    equal("# EOF", other.splitlines()[-1])
    holds("# TYPE ktls_bytes counter\n# UNIT ktls_bytes bytes\n", other)
    holds("# TYPE ktls_build info\n", other)
    holds("# TYPE ktls_bytes_total counter\n", text)
    families = re.findall("^# TYPE (\\S+)", other, re.M)
    equal(len(families), len(set(families)))


@test
def sessions_are_summed_up_by_user():
    with traffic() as sizes:
        os.seteuid(65534)
        other = k.connect()
        os.seteuid(0)
        k.install(other[0], k.TLS_TX)
        told = parse(export("--sessions-by", "uid"))
        for sock in other:
            sock.close()
    equal(6, told["ktls_live_sessions", (("uid", "0"),)])
    equal(1, told["ktls_live_sessions", (("uid", "65534"),)])
    for direction in "tx", "rx":
        equal(sum(sizes.values()), told["ktls_live_bytes", (
            ("uid", "0"), ("direction", direction))])
    equal(0, told["ktls_live_groups_folded", ()])


def set_label(sock, text):
    done = k.run("label", str(k.cookie(sock)), text)
    if done.returncode == 2 or "not supported" in done.stderr:
        raise Skip("no labels here")
    equal(0, done.returncode)


@test
def sessions_are_summed_up_by_label():
    odd = 'a"b\\c\nd{}é'
    pairs = [k.pair() for _ in range(4)]
    with contextlib.ExitStack() as stack:
        for ends in pairs:
            for sock in ends:
                stack.callback(sock.close)
        for ends, label in zip(pairs, ("web", "web", odd)):
            k.send(ends, 1000)
            set_label(ends[0], label)
        text = export("--sessions-by", "label")
        other = export("--sessions-by", "label", "openmetrics")
    told = parse(text)
    escaped = 'a\\"b\\\\c\\nd{}é'
    for label, sessions, sent in (("web", 2, 2000), (escaped, 1, 1000),
                                  ("", 5, 0)):
        equal(sessions, told["ktls_live_sessions", (("label", label),)])
        equal(sent, told["ktls_live_bytes", (("label", label),
                                             ("direction", "tx"))])
    equal(told, parse(other))


# --- HTTP ---------------------------------------------------------------------

@rows([
    ("none", None, TEXT),
    ("anything", "*/*", TEXT),
    ("text", "text/plain", TEXT),
    ("openmetrics", "application/openmetrics-text", OPEN),
    ("its version", "application/openmetrics-text; version=1.0.0", OPEN),
    ("another version", "application/openmetrics-text; version=9.0.0", TEXT),
    ("both, openmetrics first", "application/openmetrics-text;version=1.0.0;"
     "q=0.5,text/plain;version=0.0.4;q=0.4,*/*;q=0.1", OPEN),
    ("both, text first",
     "application/openmetrics-text;q=0.3, text/plain;q=0.9", TEXT),
    ("refused", "application/openmetrics-text;q=0", TEXT),
    ("capitals", "Application/OpenMetrics-Text ; Q=0.7", OPEN),
    ("a browser", "text/html,application/xhtml+xml,*/*;q=0.8", TEXT),
    ("nonsense", ",;=,;q=x;q=,/" * 50, TEXT),
])
def accept(header, want):
    with Exporter("--listen", "0") as exporter:
        answer, text = exporter.ask(accept=header)
    equal((200, want), (answer.status, answer.getheader("Content-Type")))
    equal(want == OPEN, text.endswith("# EOF\n"))
    holds("ktls_up 1\n", text)


@test
def pages_and_methods():
    with Exporter("--listen", "127.0.0.1:0") as exporter:
        for path, method, status in (
                ("/", "GET", 200), ("/metrics", "HEAD", 200),
                ("/metrics?x=1", "GET", 200), ("/nowhere", "GET", 404),
                ("/metrics/", "GET", 404), ("/../etc/passwd", "GET", 404),
                ("/metrics", "POST", 405), ("/metrics", "PUT", 405),
                ("/", "DELETE", 405)):
            answer, text = exporter.ask(path, method, body=b"x" * 100000
                                        if method in ("POST", "PUT") else None)
            equal((path, method, status), (path, method, answer.status))
            if status == 405:
                equal("GET, HEAD", answer.getheader("Allow"))
            if method == "HEAD":
                equal("", text)
        holds('href="/metrics"', exporter.ask("/")[1])


def listeners():
    with open("/proc/net/tcp", encoding="ascii") as f:
        found = [line.split()[1] for line in f if line.split()[3] == "0A"]
    with open("/proc/net/tcp6", encoding="ascii") as f:
        found += [line.split()[1] for line in f if line.split()[3] == "0A"]
    return found


@rows([
    ("a port", "0", "0100007F"),
    ("an address", "0.0.0.0:0", "00000000"),
    ("version 6", "[::1]:0", "00000000000000000000000001000000"),
])
def listens_where_it_is_told(where, want):
    with Exporter("--listen", where) as exporter:
        equal([f"{want}:{exporter.port:04X}"], listeners())
    equal([], listeners())


@test
def a_client_may_do_what_it_wants():
    with Exporter("--listen", "0") as exporter:
        where = "127.0.0.1", exporter.port
        idle = [socket.create_connection(where) for _ in range(20)]
        idle[0].sendall(b"GET /metrics HTTP/1.1\r\n")       # and no more
        idle[1].sendall(b"\x16\x03\x01\x02\x00" + os.urandom(500))
        idle[2].sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n" * 50)
        idle[3].sendall(b"POST / HTTP/1.1\r\nHost: x\r\n"
                        b"Transfer-Encoding: chunked\r\n\r\nffffffffff\r\n")
        with contextlib.suppress(OSError):
            idle[4].sendall(b"GET /" + b"x" * 1000000)
        equal(200, exporter.ask()[0].status)
        idle += [socket.create_connection(where) for _ in range(40)]
        for sock in idle:
            sock.close()
        equal(200, exporter.ask()[0].status)
        descriptors = os.listdir(f"/proc/{exporter.process.pid}/fd")
        if len(descriptors) > 32 + 12:
            raise AssertionError(descriptors)
        threads = os.listdir(f"/proc/{exporter.process.pid}/task")
        equal(2, len(threads))


@test
def a_port_that_is_taken():
    with Exporter("--listen", "0") as exporter:
        done = k.run("export", "--listen", str(exporter.port))
    equal(1, done.returncode)
    holds("Address already in use", done.stderr)


# --- files --------------------------------------------------------------------

@test
def a_text_file_is_whole_at_any_time():
    name = os.path.abspath("ktls.prom")
    seen, stop = set(), threading.Event()

    def watch():
        while not stop.is_set():
            with contextlib.suppress(FileNotFoundError):
                with open(name, encoding="utf-8") as f:
                    text = f.read()
                seen.add(text.startswith("# HELP ktls_up") and
                         "ktls_kernel_up 1\n" in text)

    os.umask(0o077)
    thread = threading.Thread(target=watch)
    thread.start()
    for _ in range(20):
        equal("", export("--textfile", name))
    stop.set()
    thread.join()
    equal({True}, seen)
    equal(0o644, stat.S_IMODE(os.stat(name).st_mode))
    equal(["ktls.prom"], os.listdir("."))
    with open(name, encoding="utf-8") as f:
        parse(f.read())


@test
def a_text_file_that_cannot_be_written():
    os.mkdir("full")
    name = os.path.abspath("full/ktls.prom")
    export("--textfile", name)
    with open(name, encoding="utf-8") as f:
        old = f.read()

    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))

    done = k.run("export", "--textfile", name, preexec_fn=limit)
    equal(1, done.returncode)
    holds("File too large", done.stderr)
    with open(name, encoding="utf-8") as f:
        equal(old, f.read())
    equal(["ktls.prom"], os.listdir("full"))
    done = k.run("export", "--textfile", "/nowhere/at/all")
    equal(1, done.returncode)
    holds("No such file", done.stderr)


# --- who may, and what may be missing -----------------------------------------

@test
def everybody_may_see_the_totals():
    done = k.run("export", user="65534")
    equal((0, ""), (done.returncode, done.stderr))
    equal(1, parse(done.stdout)["ktls_up", ()])
    for more in ([], ["--listen", "0"]):
        done = k.run("export", "--sessions-by", "uid", *more, user="65534")
        equal((1, ""), (done.returncode, done.stdout))
        holds("CAP_NET_ADMIN", done.stderr)


@rows([
    ("kind", ["--sessions-by", "pid"], "label or uid"),
    ("format", ["xml"], "text or openmetrics"),
    ("address", ["--listen", "localhost:1"], "[ADDR:]PORT"),
    ("no port", ["--listen", "127.0.0.1"], "[ADDR:]PORT"),
    ("port", ["--listen", "65536"], "[ADDR:]PORT"),
    ("both", ["--listen", "0", "--textfile", "x"], "not both"),
    ("format of HTTP", ["--listen", "0", "text"], "client chooses"),
    ("JSON", ["--json"], "export has no --json"),
])
def wrong_usage(words, why):
    done = k.run("export", *words)
    equal(2, done.returncode)
    holds(why, done.stdout + done.stderr)


@test
def without_the_module():
    with open("/proc/sys/kernel/modprobe", encoding="ascii") as f:
        helper = f.read()
    with Exporter("--listen", "0") as exporter:
        try:
            with open("/proc/sys/kernel/modprobe", "w", encoding="ascii") as f:
                f.write("\n")
            subprocess.run(("rmmod", "ktls_stats"), check=True)
            text, page = export("--sessions-by", "label"), exporter.ask()[1]
        finally:
            with open("/proc/sys/kernel/modprobe", "w", encoding="ascii") as f:
                f.write(helper)
            k.modprobe("ktls_stats")
        for told in parse(text), parse(page):
            equal({}, of_module(told))
            equal(0, told["ktls_up", ()])
            equal(1, told["ktls_kernel_up", ()])
        equal(1, parse(exporter.ask()[1])["ktls_up", ()])


# --- Prometheus ---------------------------------------------------------------

PROMETHEUS_CONFIG = """
global: {{scrape_interval: 1s, evaluation_interval: 1s}}
rule_files: ["{rules}"]
scrape_configs:
  - job_name: ktls
    static_configs: [{{targets: ["127.0.0.1:{port}"]}}]
"""


def dashboard():
    """Each query of the dashboard, as Grafana would send it."""
    with open(SHARE + "/grafana.json", encoding="utf-8") as f:
        board = json.load(f)
    for panel in board["panels"]:
        for target in panel["targets"]:
            yield target["expr"].replace("$__rate_interval", "5m").replace(
                "$instance", ".*")


class Prometheus:
    def __init__(self, port):
        with socket.create_server(("127.0.0.1", 0)) as s:
            self.port = s.getsockname()[1]
        with open("prometheus.yml", "w", encoding="utf-8") as f:
            f.write(PROMETHEUS_CONFIG.format(port=port,
                                             rules=SHARE + "/alerts.yml"))
        with open("prometheus.log", "wb") as log:
            self.process = subprocess.Popen(
                ("prometheus", "--config.file=prometheus.yml",
                 "--storage.tsdb.path=tsdb",
                 f"--web.listen-address=127.0.0.1:{self.port}"),
                stdout=log, stderr=log)

    def api(self, path, **query):
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        c.request("GET", f"/api/v1/{path}?" + urllib.parse.urlencode(query))
        answer = c.getresponse()
        if answer.status == 503:
            raise ConnectionError("it is starting")
        answer = json.loads(answer.read())
        equal("success", answer["status"])
        return answer["data"]

    def scraped(self, want):
        """Whether its newest values are those."""
        if self.process.poll() is not None:
            with open("prometheus.log", encoding="utf-8") as f:
                raise AssertionError(f.read())
        try:
            for (name, labels), value in want.items():
                match = ",".join(f'{n}="{v}"' for n, v in labels)
                found = self.api("query", query=f"{name}{{{match}}}")["result"]
                if [float(value)] != [float(r["value"][1]) for r in found]:
                    return False
        except OSError:
            return False
        return True

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(60)


@test
def prometheus_scrapes_it():
    if not find("prometheus"):
        raise Skip("no prometheus here")
    with traffic(), Exporter("--listen", "0", "--sessions-by", "uid") as e, \
            Prometheus(e.port) as p:
        want = told_by_show()
        if len(want) < 20:
            raise AssertionError(want)
        eventually(lambda: p.scraped(want), "its values", 120)
        equal(True, p.scraped({("ktls_up", ()): 1}))
        target, = p.api("targets")["activeTargets"]
        equal(("up", ""), (target["health"], target["lastError"]))
        found = p.api("query", query='ktls_live_sessions{uid="0"}')["result"]
        equal(["6"], [r["value"][1] for r in found])
        meta = p.api("metadata", metric="ktls_bytes")
        equal([("counter", "bytes")],       # it was OpenMetrics
              [(m["type"], m["unit"]) for m in meta["ktls_bytes"]])
        for expr in dashboard():
            p.api("query", query=expr)
        eventually(lambda: all(
            rule["health"] == "ok" for group in p.api("rules")["groups"]
            for rule in group["rules"]), "rules that can be evaluated", 60)


def promtool(*words):
    done = subprocess.run(("promtool", *words), capture_output=True,
                          text=True, check=False)
    if done.returncode:
        raise AssertionError(done.stdout + done.stderr)


@test
def alerts_fire_when_they_should():
    os.makedirs("rules", exist_ok=True)
    shutil.copy(SHARE + "/alerts.yml", "rules/alerts.yml")
    shutil.copy(HERE + "/data/ktls_alerts.yml", "rules/test.yml")
    promtool("check", "rules", "--lint-fatal", "rules/alerts.yml")
    promtool("test", "rules", "rules/test.yml")
    with open("rules/alerts.yml", encoding="utf-8") as f:
        names = set(re.findall(r"alert: (\w+)", f.read()))
    with open("rules/test.yml", encoding="utf-8") as f:
        cases = f.read()
    equal(names, set(re.findall(r"alertname: (\w+)", cases)))      # silent
    equal(names, set(re.findall(r'alertname="(\w+)"', cases)))     # firing


@test
def the_dashboard_asks_for_what_there_is():
    with traffic():
        text = export("--sessions-by", "label")
    told = {name for name, _ in parse(text)} | {
        name for name in re.findall("^# TYPE (\\S+)", text, re.M)}
    exprs = list(dashboard())
    if len(exprs) < 15:
        raise AssertionError(exprs)
    for expr in exprs:
        promtool("promql", "format", "--experimental", expr)
        for name in re.findall(r"ktls_\w+", expr):
            holds(name, told)


k.need()
if not SHARE or not find("promtool"):
    tap.skip_all("promtool or the exporter's documentation is not installed")
k.own_netns()
tap.run()
