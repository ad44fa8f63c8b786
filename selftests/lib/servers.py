# SPDX-License-Identifier: GPL-2.0-only
"""ktls-connect, and servers to talk to: in this process, and programs."""
import contextlib
import os
import socket
import ssl
import subprocess
import threading

from tap import eventually, find, skip_all

HERE = os.path.dirname(os.path.abspath(__file__))
CONNECT = os.environ.get("KTLS_CONNECT") or find("ktls-connect")
MB = 1 << 20
VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


def has_kernel_tls():
    subprocess.run(["modprobe", "-q", "tls"], check=False)
    return os.path.exists("/proc/net/tls_stat")


KERNEL = has_kernel_tls()


# --- ktls-connect -------------------------------------------------------------

class Result:
    def __init__(self, done):
        self.status = done.returncode
        self.out = done.stdout
        self.err = done.stderr.decode()

    def is_well(self, out=b""):
        if (self.status, self.out) != (0, out):
            raise AssertionError(f"status {self.status}, {len(self.out)} "
                                 f"bytes; {self.err}")
        return self


def command(port, *options, host="127.0.0.1"):
    return [CONNECT, "--ca=pki/ca.pem", *options, f"{host}:{port}"]


def connect(port, *options, data=b"", host="127.0.0.1", **more):
    env = dict(os.environ, LC_ALL="C", **more.pop("env", {}))
    return Result(subprocess.run(command(port, *options, host=host),
                                 input=data, capture_output=True, timeout=60,
                                 env=env, check=False, **more))


def start(port, *options, **more):
    return subprocess.Popen(command(port, *options), stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            **more)


# --- servers ------------------------------------------------------------------

class Server:
    """A thread that serves one connection after the other with @talk."""

    def __init__(self, talk):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.talk = talk
        self.errors = []
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        while True:
            try:
                tcp = self.listener.accept()[0]
            except OSError:
                return
            with contextlib.closing(tcp):
                try:
                    self.talk(tcp)
                except Exception as error:  # for the test to look at
                    self.errors.append(error)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join(20)


def context(name="localhost", version=None, ciphers=None):
    c = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if ciphers:
        c.set_ciphers(ciphers)
    c.load_cert_chain(f"pki/{name}.pem", f"pki/{name}.key")
    if version:
        c.minimum_version = c.maximum_version = VERSIONS[version]
    return c


def over_tls(talk, **how):
    def wrapped(tcp):
        tcp.settimeout(30)
        with context(**how).wrap_socket(tcp, server_side=True,
                                        suppress_ragged_eofs=False) as tls:
            talk(tls)
    return Server(wrapped)


def goodbye(tls):
    """close_notify, and no wait for the other's."""
    tls.settimeout(5)
    with contextlib.suppress(OSError):
        tls.unwrap()


def echo(tls):
    """All that comes, until it ends."""
    while data := tls.recv(65536):
        tls.sendall(data)
    goodbye(tls)


def upper_line(tls):
    """One line, and the end: a server of TLS 1.2."""
    data = b""
    while not data.endswith(b"\n"):
        more = tls.recv(100)
        if not more:
            raise EOFError("no line")
        data += more
    tls.sendall(data.upper())
    goodbye(tls)


class Program:
    """A server that is a program; @ready: what it prints, or None."""

    def __init__(self, *args, port):
        self.port = port
        with open("server.log", "wb") as log:
            self.process = subprocess.Popen(args, stdin=subprocess.PIPE,
                                            stdout=log, stderr=log)
        eventually(self.listens, f"{args[0]} listens")

    def listens(self):
        if self.process.poll() is not None:
            with open("server.log", encoding="utf-8") as log:
                raise AssertionError(log.read())
        want = f":{self.port:04X} "
        for name in "tcp", "tcp6":
            with open("/proc/net/" + name, encoding="ascii") as f:
                if any(want in x[:50] and " 0A " in x for x in f):
                    return True
        return False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(20)


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as s:
        return s.getsockname()[1]


def s_server(*options, name="localhost"):
    port = free_port()
    return Program("openssl", "s_server", "-accept", f"127.0.0.1:{port}",
                   "-cert", f"pki/{name}.pem", "-key", f"pki/{name}.key",
                   "-cert_chain", f"pki/{name}.pem", *options, port=port)


def pin_of(name):
    """The SHA-256 of a certificate's key, as --pin wants it."""
    der = subprocess.run(f"openssl x509 -in pki/{name}.pem -noout -pubkey |"
                         "openssl pkey -pubin -outform DER | sha256sum",
                         shell=True, capture_output=True, check=True).stdout
    return der.split()[0].decode()


def prepare():
    subprocess.run(["bash", HERE + "/pki.sh", "pki"], check=True)


if not CONNECT or not find("openssl"):
    skip_all("ktls-connect or openssl is not installed")
