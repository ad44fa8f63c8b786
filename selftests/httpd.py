#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""ktls-httpd, as an independent TLS client (OpenSSL's, in Python) sees it."""
import concurrent.futures
import contextlib
import hashlib
import os
import pathlib
import re
import resource
import shutil
import signal
import socket
import ssl
import stat
import subprocess
import sys
import tempfile
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
PORT = 8443
MB = 1 << 20
SIZES = (0, 1, 4096, 4097, 16000, 16383, 16384, 16385, 64 * MB)
TESTS = []


def test(function):
    TESTS.append(function)
    return function


def find(name, *dirs):
    path = os.pathsep.join(dirs + (os.environ["PATH"], "/usr/sbin"))
    found = shutil.which(name, path=path)
    if not found:
        skip(f"{name} is not installed")
    return found


def skip(reason):
    print("TAP version 13\n1..0 # SKIP " + reason)
    sys.exit(4)


def equal(want, got):
    if want != got:
        raise AssertionError(f"expected {want!r}, got {got!r}")


def eventually(condition, what, seconds=10):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise AssertionError("in vain: " + what)
        time.sleep(0.05)


# --- the server -------------------------------------------------------------

class Server:
    def __init__(self, *options, port=PORT, root="www", alone=True):
        self.log = f"log.{port}"
        self.port = port
        args = [HTTPD, "--root", root, *options]
        if alone:
            args += ["--listen", f"[::]:{port}", "--certificate",
                     "certs/cert.pem", "--key", "certs/key.pem"]
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(args, stderr=log)
        if alone:
            self.wait_for("listening")

    def said(self, pattern=""):
        with open(self.log, encoding="utf-8") as log:
            return [x for x in log if re.search(pattern, x)]

    def wait_for(self, pattern):
        eventually(lambda: self.said(pattern) or
                   self.process.poll() is not None, pattern, 20)
        if not self.said(pattern):
            raise AssertionError("".join(self.said()))

    def agent(self):
        pid = self.process.pid
        with open(f"/proc/{pid}/task/{pid}/children") as children:
            return int(children.read())

    def files(self, pid=None):
        """What the descriptors of the server, or of @pid, refer to."""
        path = f"/proc/{pid or self.process.pid}/fd"
        found = []
        for fd in os.listdir(path):
            try:
                found.append(os.readlink(f"{path}/{fd}"))
            except FileNotFoundError:
                pass        # closed meanwhile
        return found

    def cpu(self):
        with open(f"/proc/{self.process.pid}/schedstat") as f:
            return int(f.read().split()[0]) / 1e9

    def stop(self, sig=signal.SIGTERM):
        self.process.send_signal(sig)
        return self.process.wait(20)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.stop()


# --- the client -------------------------------------------------------------

class Client:
    context = None

    def __init__(self, port=PORT, rcvbuf=None):
        if not Client.context:
            Client.context = ssl.create_default_context(cafile="certs/ca.pem")
        tcp = socket.socket()
        if rcvbuf:
            tcp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
        tcp.settimeout(60)
        tcp.connect(("127.0.0.1", port))
        # A cut must be an error here, not an end.
        self.tls = self.context.wrap_socket(tcp, server_hostname="localhost",
                                            suppress_ragged_eofs=False)
        self.data = bytearray()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.tls.close()

    def more(self):
        self.data += self.tls.recv(65536) or self.ended()

    @staticmethod
    def ended():
        raise EOFError("close_notify")

    def ask(self, target, method="GET", headers="", version="1.1"):
        self.tls.sendall(f"{method} {target} HTTP/{version}\r\nHost: h\r\n"
                         f"{headers}\r\n".encode())

    def answer(self, bodyless=False):
        while b"\r\n\r\n" not in self.data:
            self.more()
        head = self.take(self.data.index(b"\r\n\r\n") + 4)
        lines = head.decode().split("\r\n")
        fields = dict(x.split(": ", 1) for x in lines[1:-2])
        length = 0 if bodyless else int(fields["Content-Length"])
        while len(self.data) < length:
            self.more()
        return int(lines[0].split()[1]), fields, self.take(length)

    def take(self, length):
        taken = bytes(memoryview(self.data)[:length])
        del self.data[:length]
        return taken

    def get(self, target, **kwargs):
        self.ask(target, **kwargs)
        return self.answer()

    def at_end(self):
        """The server has sent close_notify, and nothing before it."""
        equal(0, len(self.data))
        equal(b"", self.tls.recv(1))


def content(name):
    with open("www/" + name, "rb") as f:
        return f.read()


def fetch(target, **kwargs):
    with Client() as c:
        return c.get(target, **kwargs)


# --- the tests --------------------------------------------------------------

@test
def a_connection_serves_many_requests(_):
    with Client() as c:
        for _ in range(5):
            status, fields, body = c.get("/")
            equal((200, b"index\n"), (status, body))
            equal("text/html; charset=utf-8", fields["Content-Type"])
            assert "Connection" not in fields
            assert re.fullmatch(r"\w{3}, \d\d \w{3} \d{4} [\d:]{8} GMT",
                                fields["Date"])


@test
def files_of_all_sizes_arrive_unchanged(_):
    for size in SIZES:
        with Client() as c:
            c.ask(f"/{size}")
            status, fields, body = c.answer()
            equal((200, str(size)), (status, fields["Content-Length"]))
            equal(hashlib.sha256(content(str(size))).hexdigest(),
                  hashlib.sha256(body).hexdigest())


@test
def pipelined_requests_are_answered_in_order(_):
    names = [str(SIZES[i % 8]) for i in range(40)]
    with Client() as c:
        c.tls.sendall("".join(f"GET /{n} HTTP/1.1\r\nHost: h\r\n\r\n"
                              for n in names).encode())
        for name in names:
            status, _, body = c.answer()
            equal(200, status)
            equal(content(name), body)


@test
def a_request_may_arrive_byte_by_byte(_):
    with Client() as c:
        for byte in b"GET / HTTP/1.1\r\nHost: h\r\n\r\n" * 2:
            c.tls.sendall(bytes([byte]))
            time.sleep(0.01)    # or they arrive together
        equal([200, 200], [c.answer()[0], c.answer()[0]])


@test
def head_sends_no_body(_):
    with Client() as c:
        for name in ("16385", "1"):
            c.ask("/" + name, "HEAD")
            status, fields, _ = c.answer(bodyless=True)
            equal((200, name), (status, fields["Content-Length"]))
        equal(200, c.get("/")[0])


@test
def nothing_outside_the_root_is_served(_):
    for target in ("/../secret", "/%2e%2e/secret", "/dir/../../secret",
                   "/..%2fsecret", "/%2e%2e%2fsecret", "//../secret",
                   "http://h/../secret", "/absolute", "/relative",
                   "/up/secret", "/etc/passwd", "//etc/passwd", "/proc",
                   f"/../../..{os.getcwd()}/secret"):
        status, _, body = fetch(target)
        assert status in (403, 404), (target, status)
        assert b"secret" not in body and b"root:" not in body, target


STATUSES = (
    ("GET", "/nope", "", 404),
    ("GET", "/none/", "", 404),
    ("GET", "/1/", "", 404),
    ("GET", "/fifo", "", 403),
    ("GET", "/a%00", "", 400),
    ("GET", "/%", "", 400),
    ("GET", "/inside", "", 200),
    ("GET", "/%64ir/?query", "", 200),
    ("GET", "http://elsewhere/dir/", "", 200),
    ("GET", "/", "Connection: Upgrade\r\nUpgrade: h2c\r\n", 200),
    ("POST", "/", "Content-Length: 0\r\n", 405),
    ("OPTIONS", "*", "", 405),
    ("POST", "/", "Content-Length: 4\r\n\r\nbody", 405),
    ("GET", "/", "Content-Length: 4\r\n\r\nbody", 413),
    ("GET", "/", "Transfer-Encoding: chunked\r\n", 413),
    ("GET", "/", "Host: again\r\n", 400),
    ("GET", "/" + 9000 * "a", "", 414),
    ("GET", "/", "X: " + 9000 * "a" + "\r\n", 431),
    ("BREW", "/", "", 501),
)


@test
def requests_have_their_status(_):
    for method, target, headers, want in STATUSES:
        status, fields, _ = fetch(target, method=method, headers=headers)
        if status != want:
            raise AssertionError(f"{method} {target}: {status}")
        equal("GET, HEAD" if status == 405 else None, fields.get("Allow"))


@test
def versions_have_their_status(_):
    equal(505, fetch("/", version="1.2")[0])
    with Client() as c:
        c.tls.sendall(b"GET / HTTP/1.1\r\n\r\n")
        equal(400, c.answer()[0])
        c.at_end()
    with Client() as c:
        equal("close", c.get("/", version="1.0")[1]["Connection"])
        c.at_end()


@test
def a_directory_without_its_slash_is_redirected(_):
    for target, location in (("/dir", "/dir/"), ("/dir?q=/", "/dir/?q=/"),
                             ("//dir", "/dir/"), ("http://h/dir", "/dir/")):
        status, fields, _ = fetch(target)
        equal((301, location), (status, fields["Location"]))


@test
def close_notify_follows_the_last_response(_):
    for size in (1, 16384, 16385, MB):
        with Client() as c:
            c.ask(f"/{size}", headers="Connection: close\r\n")
            _, fields, body = c.answer()
            equal(("close", size), (fields["Connection"], len(body)))
            c.at_end()


@test
def close_notify_waits_for_a_slow_reader(_):
    # One of these fits into the socket and leaves no room behind it.
    sizes = [int(300000 * 1.25 ** n) for n in range(13)]
    clients = []
    for size in sizes:
        with open(f"www/sparse{size}", "wb") as f:
            f.truncate(size)
        clients.append(Client(rcvbuf=8192))
        clients[-1].ask(f"/sparse{size}", headers="Connection: close\r\n")
    time.sleep(3)
    for size, c in zip(sizes, clients):
        with c:
            equal(size, len(c.answer()[2]))
            c.at_end()


@test
def close_notify_ends_an_idle_connection(_):
    with Server("--idle-timeout", "1", port=PORT + 1):
        with Client(PORT + 1) as c:
            start = time.monotonic()
            equal(200, c.get("/")[0])
            c.at_end()
            assert 0.9 < time.monotonic() - start < 8


@test
def close_notify_of_the_client_is_answered(_):
    with Client() as c:
        equal(200, c.get("/")[0])
        c.tls.unwrap()


class HalfClosing:
    """Sends close_notify behind its request, and reads on."""

    def __init__(self, target, port):
        self.tcp = socket.socket()
        self.tcp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.tcp.settimeout(60)
        self.tcp.connect(("127.0.0.1", port))
        self.bio = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = ssl.create_default_context(cafile="certs/ca.pem").wrap_bio(
            *self.bio, server_hostname="localhost")
        self.count = 0
        while self.lacks_data(self.tls.do_handshake):
            pass
        self.tls.write(f"GET {target} HTTP/1.1\r\nHost: h\r\n\r\n".encode())
        try:
            self.tls.unwrap()
        except ssl.SSLWantReadError:
            self.tcp.sendall(self.bio[1].read())

    def lacks_data(self, step):
        """True: some has been fetched, try again."""
        try:
            step()
            lacks = False
        except ssl.SSLWantReadError:
            lacks = True
        self.tcp.sendall(self.bio[1].read())
        if lacks and not self.bio[0].write(self.tcp.recv(65536)):
            self.bio[0].write_eof()
        return lacks

    def read(self):
        self.count += len(self.tls.read(65536))

    def read_all(self):
        """How many bytes came before the close_notify."""
        with self.tcp:
            try:
                while True:
                    self.lacks_data(self.read)
            except ssl.SSLZeroReturnError:
                return self.count


@contextlib.contextmanager
def small_send_buffers():
    """Of sockets to come: they have room for a few records only."""
    path = pathlib.Path("/proc/sys/net/ipv4/tcp_wmem")
    before = path.read_text("ascii")
    path.write_text("65536 65536 65536", "ascii")
    try:
        yield
    finally:
        path.write_text(before, "ascii")


@test
def a_slow_reader_may_close_its_half(_):
    # Some of these just fit, and leave no room behind them.
    sizes = range(20000, 150000, 4096)
    for size in sizes:
        with open(f"www/{size}", "wb") as f:
            f.truncate(size)
    with small_send_buffers(), Server(port=PORT + 1):
        clients = [HalfClosing(f"/{size}", PORT + 1) for size in sizes]
        time.sleep(2)
        for size, c in zip(sizes, clients):
            got = c.read_all()
            assert size < got < size + 1000, (size, got)


@test
def a_truncated_client_is_told_of_once(server):
    with Client() as c:
        name = "%s:%d" % c.tls.getsockname()
        c.tls.sendall(b"GET / HTTP/1.1\r\nHo")
        time.sleep(0.3)
    server.wait_for("truncated")
    equal(1, len(server.said(f"ktls-httpd: .*{name}")))
    equal(200, fetch("/")[0])


@test
def a_slow_reader_gets_it_all_and_costs_nothing(server):
    with Client(rcvbuf=8192) as c:
        c.ask(f"/{8 * MB}", headers="Connection: close\r\n")

        def blocked():          # once the buffers are full
            before = server.cpu()
            time.sleep(1)
            return server.cpu() - before < 0.1
        eventually(blocked, "a blocked connection costs no CPU")
        equal(content(str(8 * MB)), c.answer()[2])
        c.at_end()


@test
def a_large_download_does_not_starve_others(_):
    with Client() as big:
        big.ask(f"/{64 * MB}")
        start = time.monotonic()
        equal(200, fetch("/")[0])
        assert time.monotonic() - start < 10


@test
def a_file_that_shrinks_is_cut_off(server):
    os.truncate("www/shrinks", 32 * MB)
    with Client(rcvbuf=8192) as c:
        c.ask("/shrinks")
        c.more()
        os.truncate("www/shrinks", MB)
        try:
            c.answer()
        except ssl.SSLEOFError:
            pass
        else:
            raise AssertionError("the client could not see the cut")
    equal(1, len(server.said("the file shrank")))
    equal(200, fetch("/")[0])


@test
def a_changed_file_is_seen_at_once(_):
    with Client() as c:
        for text in (b"one", b"another", b"", b"x" * 5000):
            with open("new", "wb") as f:
                f.write(text)
            os.rename("new", "www/changes")
            equal((200, text), c.get("/changes")[::2])
            equal((200, text), c.get("/changes")[::2])
        with open("www/changes", "ab") as f:
            f.write(b"more")
        equal(b"x" * 5000 + b"more", c.get("/changes")[2])
        os.unlink("www/changes")
        equal(404, c.get("/changes")[0])
        for number in range(20):        # in place, size unchanged
            with open("www/changes", "w") as f:
                f.write(f"{number:4}")
            equal(f"{number:4}".encode(), c.get("/changes")[2])


@test
def a_small_file_is_kept_until_it_changes(server):
    with open("www/kept", "w") as f:
        f.write("old")
    os.utime("www/kept", (1, 1))
    with Client() as c:
        equal([b"old"] * 3, [c.get("/kept")[2] for _ in range(3)])
        with open("www/kept", "w") as f:
            f.write("new")
        equal([b"new"] * 3, [c.get("/kept")[2] for _ in range(3)])
    os.unlink("www/kept")
    eventually(lambda: not any("kept" in x for x in server.files()),
               "a deleted file is let go", 5)


def is_served(port):
    try:
        with Client(port) as c:
            return c.get("/")[0] == 200
    except (OSError, EOFError):
        return False


def in_a_thread(function, *args):
    """OpenSSL's queue of errors is per thread, and Python leaves some in it
    that the next connection then takes for its own."""
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        return pool.submit(function, *args).result()


@test
def connections_beyond_the_bound_get_503(_):
    with Server("--max-connections", "2", port=PORT + 1):
        first, second = Client(PORT + 1), Client(PORT + 1)
        equal([200, 200], [first.get("/")[0], second.get("/")[0]])
        with Client(PORT + 1) as third:
            equal(503, third.answer()[0])
            third.at_end()
        equal(200, first.get("/")[0])
        first.tls.unwrap()
        first.tls.close()
        eventually(lambda: in_a_thread(is_served, PORT + 1),
                   "a place for another connection")
        second.tls.close()


@test
def want_of_descriptors_is_survived(_):
    with Server(port=PORT + 1) as s:
        with Client(PORT + 1) as c:
            equal(200, c.get("/1")[0])
            time.sleep(3)       # no file is kept open
            used = len(s.files())
            limits = resource.prlimit(s.process.pid, resource.RLIMIT_NOFILE)
            resource.prlimit(s.process.pid, resource.RLIMIT_NOFILE,
                             (used, limits[1]))
            equal(503, c.get("/1")[0])
            equal(False, in_a_thread(is_served, PORT + 1))
            before = s.cpu()
            time.sleep(1)
            assert s.cpu() - before < 0.1, "spins"
            assert s.said("hand-off: Too many open files")
            resource.prlimit(s.process.pid, resource.RLIMIT_NOFILE, limits)
            equal(200, c.get("/1")[0])
        with Client(PORT + 1) as c:
            equal(200, c.get("/1")[0])


@test
def the_first_agent_may_find_no_descriptor(_):
    with Server("--handoff", "h.sock", port=PORT + 1, alone=False) as s:
        eventually(lambda: os.path.exists("h.sock"), "h.sock")
        time.sleep(0.2)         # what it opens to begin with is open
        used = len(s.files())
        limits = resource.prlimit(s.process.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(s.process.pid, resource.RLIMIT_NOFILE,
                         (used, limits[1]))
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as agent:
            agent.connect("h.sock")
            time.sleep(1.5)     # it has tried again
            equal(None, s.process.poll())
            resource.prlimit(s.process.pid, resource.RLIMIT_NOFILE, limits)
            eventually(lambda: len(s.files()) > used, "the agent's turn")


@test
def a_request_head_has_ten_seconds(_):
    with Client() as c:
        c.tls.sendall(b"GET / HTTP/1.1\r\nX: ")
        start = time.monotonic()
        c.tls.settimeout(1)
        while True:
            try:
                c.at_end()
                break
            except TimeoutError:
                c.tls.sendall(b"x")
        assert 9 < time.monotonic() - start < 15


@test
def so_has_the_next_one_in_a_pipeline(_):
    head = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"
    with Client() as c:
        c.tls.sendall(head[:9])
        for part in (head[9:] + head[:9], head[9:]):
            time.sleep(5.5)     # twice that is too long for one head
            c.tls.sendall(part)
        equal([200, 200], [c.answer()[0], c.answer()[0]])


@test
def many_connections_at_once_are_served(_):
    clients = [Client() for _ in range(50)]
    for c in clients:
        c.ask("/16385")
    for c in clients:
        equal(content("16385"), c.answer()[2])
        c.tls.close()


AGENT = """[service test]
listen = 127.0.0.1:{port}
certificate = certs/cert.pem
key = certs/key.pem
handoff = h.sock
"""


@test
def several_agents_share_a_socket(_):
    agents = []
    with Server("--handoff", "h.sock", port=PORT + 1, alone=False) as s:
        eventually(lambda: os.path.exists("h.sock"), "h.sock")
        equal(0o600, stat.S_IMODE(os.stat("h.sock").st_mode))
        for port in (PORT + 2, PORT + 3):
            with open(f"conf.{port}", "w") as f:
                f.write(AGENT.format(port=port))
            agents.append(subprocess.Popen([KTLSD, "-c", f"conf.{port}"],
                                           stderr=subprocess.DEVNULL))
        try:
            for port in (PORT + 2, PORT + 3):
                eventually(lambda p=port: not connects(p), f"port {port}")
                with Client(port) as c:
                    equal(200, c.get("/")[0])
            with Client(PORT + 2) as c:
                agents[0].terminate()
                agents[0].wait(10)
                equal(200, c.get("/")[0])
        finally:
            for a in agents:
                a.terminate()
                a.wait(10)
        equal(0, s.stop())
    assert not os.path.exists("h.sock")


def connects(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port))


@test
def a_stale_socket_is_replaced_a_live_one_not(_):
    with Server("--handoff", "h.sock", port=PORT + 1, alone=False) as s:
        eventually(lambda: os.path.exists("h.sock"), "h.sock")
        second = run("--root", "www", "--handoff", "h.sock")
        equal((1, "ktls-httpd: h.sock: Address already in use\n"), second)
        s.stop(signal.SIGKILL)
    assert os.path.exists("h.sock")
    with Server("--handoff", "h.sock", "--handoff-mode", "0660",
                port=PORT + 1, alone=False) as s:
        eventually(lambda: not s.said() and 0o660 ==
                   stat.S_IMODE(os.stat("h.sock").st_mode), "a new socket")
        equal(0, s.stop())


@test
def the_socket_of_a_successor_stays(_):
    with Server("--handoff", "h.sock", port=PORT + 1, alone=False) as first:
        eventually(lambda: os.path.exists("h.sock"), "h.sock")
        os.unlink("h.sock")
        with Server("--handoff", "h.sock", port=PORT + 2, alone=False):
            eventually(lambda: os.path.exists("h.sock"), "another h.sock")
            equal(0, first.stop())
            assert os.path.exists("h.sock")
        assert not os.path.exists("h.sock")


def run(*args):
    done = subprocess.run([HTTPD, *args], stderr=subprocess.PIPE,
                          stdin=subprocess.DEVNULL, timeout=30, check=False)
    return done.returncode, done.stderr.decode()


def alone(cert="certs/cert.pem", key="certs/key.pem", listen="[::1]:9443"):
    return ("--root", "www", "--listen", listen, "--certificate", cert,
            "--key", key)


MISTAKES = (
    (2, "--root", ("--handoff", "x")),
    (2, "--listen", ("--root", "www")),
    (2, "--key", ("--root", "www", "--listen", "[::]:1")),
    (2, "argument", ("--root", "www", "--handoff", "x", "more")),
    (2, "unrecognized", ("--rot", "www")),
    (2, "--max-connections: -1 is not a number from 1 to 1000000",
     ("--max-connections", "-1")),
    (2, "--max-connections: 0 is", ("--max-connections", "0")),
    (2, "--max-connections: 1000001 is", ("--max-connections", "1000001")),
    (2, "--idle-timeout: 0 is not a number from 1 to 86400",
     ("--idle-timeout", "0")),
    (2, "--handoff-mode: 999 is no mode; valid: octal, 0 to 0777",
     ("--handoff-mode", "999")),
    (2, "--handoff-mode: 1777 is no mode", ("--handoff-mode", "1777")),
    (2, "newline", ("--key", "a\nhandoff = b")),
    (2, "comment", ("--key", "a ;b")),
    (2, "OPTION=VALUE", ("--tls", "alpn")),
    (2, "newline", ("--tls", "alpn=x\nhandoff=y")),
    (2, "--tls: more than 32", ("--tls", "alpn=x") * 33),
    (2, "--listen", ("--root", "www", "--handoff", "x", "--tls", "alpn=x")),
    (2, 'ktlsd: --tls colour: unknown option "colour"; valid: listen, '
     "certificate, key, staple, strict_sni, alpn, client_auth,",
     alone() + ("--tls", "alpn=x", "--tls", "colour=red")),
    (2, "ktlsd: --tls handoff: handoff is given twice",
     alone() + ("--tls", "handoff=fd:0")),
    (2, "ktlsd: --tls: min_version is above max_version",
     alone() + ("--tls", "min_version=1.3", "--tls", "max_version = 1.2")),
    (2, "ktlsd: --tls key: key is given twice",
     alone() + ("--tls", "key=pkcs11:x?pin-value=1")),
    (2, "ktlsd: --listen: \"nonsense\" is no address",
     alone(listen="nonsense")),
    (1, "nowhere", ("--root", "nowhere", "--handoff", "x")),
    (1, "www/index.html", ("--root", "www/index.html", "--handoff", "x")),
    (1, "nowhere/x", ("--root", "www", "--handoff", "nowhere/x")),
    (1, "www/index.html", ("--root", "www", "--handoff", "www/index.html")),
    (1, "ktlsd: --certificate: httpd: certificate missing.pem: No such",
     alone(cert="missing.pem")),
    (1, "ktlsd: --key: httpd: key missing.pem: No such",
     alone(key="missing.pem")),
    (1, "ktlsd: --certificate: httpd: key certs/ca.key does not belong to",
     alone(key="certs/ca.key")),
    (1, f"ktlsd: --listen: httpd: cannot listen on [::]:{PORT}",
     alone(listen=f"[::]:{PORT}")),
)


@test
def options_reach_the_private_agent_and_it_reloads(_):
    with Server("--tls", "alpn=http/1.1", "--tls", "max_version=1.2",
                port=PORT + 1) as server:
        context = ssl.create_default_context(cafile="certs/ca.pem")
        context.set_alpn_protocols(["h2", "http/1.1"])
        for count in (1, 2, 3):
            raw = socket.create_connection(("127.0.0.1", PORT + 1))
            with context.wrap_socket(raw, server_hostname="localhost") as s:
                equal(("http/1.1", "TLSv1.2"),
                      (s.selected_alpn_protocol(), s.version()))
            # To either of them: the file server passes it on.
            os.kill(server.agent() if count == 3 else server.process.pid,
                    signal.SIGHUP)
            eventually(lambda: len(server.said("in force anew")) == count,
                       "reload of the private agent")
        equal([], server.said("/proc/"))
        equal(0, server.stop())


@test
def a_reload_that_fails_names_the_option(_):
    shutil.copytree("certs", "others")
    with Server(*alone("others/cert.pem", "others/key.pem",
                       f"[::]:{PORT + 1}")[2:], port=PORT + 1,
                alone=False) as server:
        server.wait_for("listening")
        os.unlink("others/key.pem")
        server.process.send_signal(signal.SIGHUP)
        server.wait_for("ktlsd: --key: httpd: key others/key.pem: No such file"
                        ".*; the old configuration stays in force")
        with Client(PORT + 1) as c:
            equal(200, c.get("/")[0])
        equal(0, server.stop())


def blocks_hup(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        return int(re.search(r"SigBlk:\s+(\w+)", f.read()).group(1), 16) & 1


@test
def an_early_reload_waits_for_the_agent(_):
    with Server(*alone(listen=f"[::]:{PORT + 1}")[2:], port=PORT + 1,
                alone=False) as server:
        eventually(lambda: blocks_hup(server.process.pid), "its signals")
        server.process.send_signal(signal.SIGHUP)
        server.wait_for("listening")
        with Client(PORT + 1) as c:
            equal(200, c.get("/")[0])
        equal(0, server.stop())


@test
def without_a_private_agent_there_is_nothing_to_reload(_):
    with Server("--handoff", "h.sock", port=PORT + 1, alone=False) as s:
        eventually(lambda: os.path.exists("h.sock"), "h.sock")
        s.process.send_signal(signal.SIGHUP)
        time.sleep(0.5)
        equal(None, s.process.poll())
        equal([], s.said())
        equal(0, s.stop())


@test
def mistakes_are_named_in_one_line(_):
    for status, text, args in MISTAKES:
        got, said = run(*args)
        where = f"{args}: status {got}, {said!r}"
        assert got == status, where
        assert text in said and said.count("\n") == 1, where


@test
def the_agent_ends_with_the_server(_):
    for sig in (signal.SIGTERM, signal.SIGINT, signal.SIGKILL):
        with Server(port=PORT + 1) as s:
            agent = s.agent()
            equal(-sig if sig == signal.SIGKILL else 0, s.stop(sig))
            eventually(lambda a=agent: not os.path.exists(f"/proc/{a}"),
                       "the end of the agent")


@test
def the_server_ends_with_the_agent(_):
    with Server(port=PORT + 1) as s:
        os.kill(s.agent(), signal.SIGKILL)
        equal(1, s.process.wait(10))
    with Server(port=PORT + 1) as s:
        os.kill(s.agent(), signal.SIGTERM)
        equal(0, s.process.wait(10))


@test
def the_agent_inherits_two_descriptors(server):
    files = server.files(server.agent())
    assert not [x for x in files if x.endswith("/www")], files
    # its listener, and the hand-off socket
    equal(2, sum(x.startswith("socket:") for x in files))
    equal(1, sum("memfd" in x for x in files))


@test
def traffic_secrets_are_for_nobody_to_read(server):
    with open(f"/proc/{server.process.pid}/limits", encoding="ascii") as f:
        core = [x.split() for x in f if x.startswith("Max core")][0]
    equal(["0", "0"], core[4:6])
    if os.getuid():
        return
    # Of a process that is not dumpable the files in /proc are root's.
    os.mkdir("theirs")
    os.chmod("theirs", 0o777)
    other = subprocess.Popen([HTTPD, "--root", ".", "--handoff", "h.sock"],
                             cwd="theirs", user=65534, group=65534,
                             extra_groups=[])
    eventually(lambda: os.path.exists("theirs/h.sock"), "theirs/h.sock")
    owner = os.stat(f"/proc/{other.pid}/mem").st_uid
    other.terminate()
    equal((0, 0), (other.wait(20), owner))


@test
def the_server_holds_nothing_when_all_have_gone(server):
    def quiet():
        files = server.files()
        # the hand-off socket is the one that stays
        return sum(x.startswith("socket:") for x in files) == 1 and \
            not any(x.startswith(os.getcwd() + "/www/") for x in files)
    eventually(quiet, f"no descriptor left: {server.files()}", 15)


# --- the scene --------------------------------------------------------------

def prepare():
    subprocess.run([CERTS, "certs"], check=True)
    os.makedirs("www/dir")
    os.mkdir("www/none")
    for size in SIZES + (MB, 8 * MB):
        with open(f"www/{size}", "wb") as f:
            f.write(os.urandom(size))
    for name, text in (("www/index.html", "index\n"), ("secret", "secret\n"),
                       ("www/dir/index.html", "dir\n"), ("www/shrinks", "")):
        with open(name, "w") as f:
            f.write(text)
    os.mkfifo("www/fifo")
    os.symlink("dir/index.html", "www/inside")
    os.symlink("/etc/passwd", "www/absolute")
    os.symlink("../secret", "www/relative")
    os.symlink("..", "www/up")


def main():
    wanted = sys.argv[1:]
    tests = [t for t in TESTS if not wanted or t.__name__ in wanted]
    failed = 0
    with tempfile.TemporaryDirectory(prefix="ktls-httpd.") as place:
        os.chdir(place)
        prepare()
        print(f"TAP version 13\n1..{len(tests)}", flush=True)
        with Server("--verbose") as server:
            for number, run_test in enumerate(tests, 1):
                start = time.monotonic()
                try:
                    run_test(server)
                    verdict = "ok"
                except Exception:   # whatever it was, it is the test's
                    print("# " + traceback.format_exc().rstrip()
                          .replace("\n", "\n# "))
                    verdict = "not ok"
                    failed += 1
                print(verdict, number, run_test.__name__,
                      f"# {time.monotonic() - start:.1f} s", flush=True)
            status = server.stop()
        if status or server.said("ERROR: |runtime error"):
            print(f"# status {status}\n# " + "# ".join(server.said()))
            failed += 1
        os.chdir("/")
    print(f"# Totals: pass:{len(tests) - failed} fail:{failed}")
    return 1 if failed else 0


if subprocess.run(["modprobe", "-q", "tls"], check=False).returncode and \
        not os.path.exists("/proc/net/tls_stat"):
    skip("this kernel has no TLS")
HTTPD = os.environ.get("KTLS_HTTPD") or find("ktls-httpd")
KTLSD = os.environ.get("KTLSD") or find("ktlsd")
CERTS = find("certs", HERE, HERE + "/../scripts")
find("openssl")
sys.exit(main())
