# SPDX-License-Identifier: GPL-2.0-only
"""A ktlsd to test, the server behind it, and how tests are run."""
import array
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time

KTLSD = os.environ.get("KTLSD", "ktlsd")
HERE = os.path.dirname(os.path.abspath(__file__))     # .../lib
LINE = b"plaintext from the server\n"
SOL_TLS, SET_RECORD_TYPE, ALERT = 282, 1, 21


def skip(why):
    print(f"TAP version 13\n1..0 # SKIP {why}")
    sys.exit(4)


def kernel_has_tls():
    with socket.socket() as s:
        try:
            s.setsockopt(socket.IPPROTO_TCP, 31, b"tls")
        except OSError as e:
            return e.errno == 107       # ENOTCONN: the module was found
    return True


class Server:
    """Listens on a hand-off socket; serves what comes, unless told to sit."""

    def __init__(self, path, sit=False):
        self.got, self.sit, self.conns = 0, sit, []
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.listener.bind(path)
        self.listener.listen()
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                conn, _ = self.listener.accept()
            except OSError:
                return
            self.conns.append(conn)
            if not self.sit:
                threading.Thread(target=self.receive, args=(conn,),
                                 daemon=True).start()

    def receive(self, conn):
        while True:
            try:
                msg, ctl, _, _ = conn.recvmsg(4096, socket.CMSG_SPACE(4))
            except OSError:
                return
            if not msg:
                return
            self.got += 1               # before the client knows
            fd = array.array("i", ctl[0][2])[0]
            with socket.socket(fileno=fd) as s:
                s.sendall(LINE)
                s.sendmsg([b"\1\0"], [(SOL_TLS, SET_RECORD_TYPE, bytes([ALERT]))])

    def leave(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for conn in self.conns:
            conn.shutdown(socket.SHUT_RDWR)
            conn.close()


class Agent:
    """A running ktlsd, and the lines it has logged."""

    started = []

    def __init__(self, *extra, fds=(), limits=(), **replaced):
        self.configure(*extra, **replaced)
        command = [KTLSD, "-c", "conf"]
        if limits:                      # as prlimit names them
            command = ["prlimit", *limits] + command
        self.lines = []
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE,
                                        text=True, pass_fds=fds)
        Agent.started.append(self.process)
        threading.Thread(target=self.read, daemon=True).start()
        self.port = int(self.wait(r"listening on 127\.0\.0\.1:(\d+)").group(1))
        if "[::1]" in replaced.get("listen", "[::1]"):
            self.wait(r"listening on \[::1\]")

    @staticmethod
    def configure(*extra, name="web", listen="127.0.0.1:0 [::1]:0",
                  certificate="cert.pem", key="key.pem", handoff="server",
                  more=False):
        """Writes the configuration, or one more section of it."""
        with open("conf", "a" if more else "w") as f:
            f.write(f"[service {name}]\nlisten = {listen}\n"
                    f"certificate = {certificate}\nkey = {key}\n"
                    f"handoff = {handoff}\n" + "".join(e + "\n" for e in extra))

    def reload(self, *extra, **replaced):
        """Returns when the new configuration is in force."""
        self.configure(*extra, **replaced)
        self.hup("is in force anew")

    def hup(self, pattern):
        """SIGHUP; returns the match of the line that it led to."""
        before = sum(bool(re.search(pattern, l)) for l in list(self.lines))
        self.process.send_signal(signal.SIGHUP)
        return self.wait(pattern, count=before + 1)

    def read(self):
        for line in self.process.stderr:
            self.lines.append(line.rstrip("\n"))

    def wait(self, pattern, seconds=15, count=1):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            found = [m for m in (re.search(pattern, l) for l in list(self.lines))
                     if m]
            if len(found) >= count:
                return found[-1]
            time.sleep(0.02)
        raise AssertionError(f"no {count} x /{pattern}/ in {self.lines}")

    def connect(self, port=None):
        return socket.create_connection(("127.0.0.1", port or self.port),
                                        timeout=15)

    def get(self, port=None):
        context = ssl.create_default_context(cafile="ca.pem")
        with self.connect(port) as raw:
            with context.wrap_socket(raw, server_hostname="localhost") as s:
                data = b""
                while chunk := s.recv(4096):
                    data += chunk
                return data

    def fds(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def memory(self):
        """kB that are in use."""
        with open(f"/proc/{self.process.pid}/status") as f:
            return int(re.search(r"VmRSS:\s+(\d+)", f.read()).group(1))

    def cpu(self):
        with open(f"/proc/{self.process.pid}/stat") as f:
            fields = f.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def end(self, sig=signal.SIGTERM, seconds=15):
        self.process.send_signal(sig)
        return self.process.wait(seconds)


def keeps_memory():
    """AddressSanitizer keeps what was freed, to watch it."""
    with open(shutil.which(KTLSD), "rb") as f:
        return b"__asan_init" in f.read()


def expect(truth, what):
    if not truth:
        raise AssertionError(what)


def wait_until(condition, what, seconds=10):
    end = time.monotonic() + seconds
    while not condition():
        expect(time.monotonic() < end, what)
        time.sleep(0.02)


def run(tests):
    """Each in a directory of its own that has certificates; its parent is
    there for all of them."""
    if not kernel_has_tls():
        skip("no TLS in this kernel: modprobe tls")
    if not shutil.which(KTLSD):
        skip(f"{KTLSD} is not installed")
    certs = os.path.join(HERE, "../certs")
    if not os.path.exists(certs):
        certs = os.path.join(HERE, "../../scripts/certs")
    tests = [f for n, f in tests.items() if n.startswith("test_")]
    failed = 0
    print(f"TAP version 13\n1..{len(tests)}", flush=True)
    with tempfile.TemporaryDirectory() as parent:
        os.chmod(parent, 0o755)
        for number, test in enumerate(tests, 1):
            work = os.path.join(parent, str(number))
            os.mkdir(work)
            os.chmod(work, 0o777)
            os.chdir(work)
            subprocess.run([certs, work], check=True)
            name = test.__name__[5:].replace("_", " ")
            try:
                test()
                print(f"ok {number} {name}", flush=True)
            except Exception as e:      # whatever it is, the others go on
                failed = 1
                text = f"{type(e).__name__}: {e}".replace("\n", "\n# ")
                print(f"not ok {number} {name}\n# {text}", flush=True)
            for process in Agent.started:       # a failed test left it
                if process.poll() is None:
                    process.kill()
                    process.wait()
            os.chdir("/")
    # Not sys.exit(): it may wait for threads that wait for a dead ktlsd.
    os._exit(failed)
