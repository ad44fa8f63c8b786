#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Servers that were not made for us, by their clients' count.

The client's TLS is a library between two buffers, so that every byte of the
wire passes through our hands: header and body, as they were decrypted here, are
what the server's session must have been told to have sent.
"""
import contextlib
import os
import socket
import ssl
import struct
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "lib"))
# pylint: disable=wrong-import-position
from genl import MODES, Stats
from servers import Program, VERSIONS, free_port, prepare
from tap import Skip, equal, eventually, find, rows, run, skip_all

SIZES = {"small": 5, "record": 16384, "big": 3_000_001}
CHANGE_CIPHER_SPEC = 20
FINISHED, CLOSE_NOTIFY = 16, 2


class Records:
    """The records of one direction that are under its last keys."""

    def __init__(self, overhead, begun):
        self.overhead = overhead
        self.begun = begun      # else: behind ChangeCipherSpec
        self.data = b""
        self.bytes = self.records = self.wire = 0

    def feed(self, data):
        self.data += data
        while len(self.data) >= 5:
            kind, size = struct.unpack(">B2xH", self.data[:5])
            if len(self.data) < 5 + size:
                break
            self.data = self.data[5 + size:]
            if self.begun:
                self.records += 1
                self.wire += 5 + size
                self.bytes += size - self.overhead
            elif kind == CHANGE_CIPHER_SPEC:
                self.begun = True

    def told(self):
        equal(b"", self.data)
        return {"bytes": self.bytes, "records": self.records,
                "wire": self.wire}


class Client:
    def __init__(self, port, version):
        context = ssl.create_default_context(cafile="pki/ca.pem")
        context.minimum_version = context.maximum_version = VERSIONS[version]
        context.set_ciphers("ECDHE+AESGCM")
        self.tcp = socket.create_connection(("127.0.0.1", port), timeout=60)
        self.port = self.tcp.getsockname()[1]
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing,
                                    server_hostname="localhost")
        # In TLS 1.3 each side has its keys once its Finished is out.
        self.overhead = 17 if version == "1.3" else 24
        self.late = version == "1.3"
        self.got = Records(self.overhead, False)
        self.sent = Records(self.overhead, False)
        self.plain = 0
        self.ended = False
        self.until(self.tls.do_handshake)
        self.flush()
        if self.late:
            self.got = Records(self.overhead, True)
            self.sent = Records(self.overhead, True)

    def flush(self):
        if data := self.outgoing.read():
            self.tcp.sendall(data)
            self.sent.feed(data)

    def until(self, step, *args):
        while True:
            try:
                return step(*args)
            except ssl.SSLWantReadError:
                self.flush()
            data = self.tcp.recv(65536)
            if not data:
                self.incoming.write_eof()
            self.got.feed(data)
            self.incoming.write(data)

    def send(self, data):
        self.tls.write(data)
        self.flush()

    def recv(self):
        try:
            data = self.until(self.tls.read, 65536)
            self.ended = not data
        except ssl.SSLEOFError:
            data = b""
        self.plain += len(data)
        return data

    def all(self):
        """To the end of TCP."""
        out = b""
        while data := self.recv():
            out += data
        self.tcp.shutdown(socket.SHUT_WR)
        while data := self.tcp.recv(65536):
            self.got.feed(data)
        return out

    def response(self):
        """A head, and the body it announces."""
        head = b""
        while b"\r\n\r\n" not in head:
            head += self.recv()
        head, body = head.split(b"\r\n\r\n")[0], head.split(b"\r\n\r\n", 1)[1]
        size = [int(line.split(b":")[1]) for line in head.split(b"\r\n")
                if line.lower().startswith(b"content-length:")][0]
        while len(body) < size:
            body += self.recv()
        return body


# --- servers ------------------------------------------------------------------

def write(name, text):
    with open(name, "w", encoding="ascii") as f:
        f.write(text)


def needs(name):
    program = find(name)
    if not program:
        raise Skip(name + " is not installed")
    return program


def nginx(version):
    port = free_port()
    here = os.getcwd()
    write("nginx.conf", f"""
daemon off; master_process off; pid nginx.pid; error_log nginx.log;
events {{ }}
http {{
    access_log off; client_body_temp_path tmp; proxy_temp_path tmp;
    fastcgi_temp_path tmp; uwsgi_temp_path tmp; scgi_temp_path tmp;
    sendfile on;
    server {{
        listen 127.0.0.1:{port} ssl; root {here}/www;
        ssl_certificate {here}/pki/localhost.pem;
        ssl_certificate_key {here}/pki/localhost.key;
        ssl_protocols TLSv{version}; ssl_session_tickets off;
        ssl_conf_command Options KTLS; ssl_conf_command NumTickets 0;
    }}
}}""")
    return Program(needs("nginx"), "-p", here, "-c", "nginx.conf", port=port)


def s_server(version):
    port = free_port()
    needs("openssl")
    return Program("openssl", "s_server", "-accept", f"127.0.0.1:{port}",
                   "-cert", "../pki/localhost.pem",
                   "-key", "../pki/localhost.key",
                   "-cert_chain", "../pki/localhost.pem",
                   "-tls1_" + version[-1], "-ktls", "-sendfile", "-WWW",
                   "-no_ticket", "-num_tickets", "0", port=port)


def lighttpd(version):
    port = free_port()
    here = os.getcwd()
    write("lighttpd.conf", f"""
server.modules = ("mod_openssl")
server.document-root = "{here}/www"
server.bind = "127.0.0.1"
server.port = {port}
server.errorlog = "{here}/lighttpd.log"
ssl.engine = "enable"
ssl.pemfile = "{here}/pki/localhost.pem"
ssl.privkey = "{here}/pki/localhost.key"
ssl.openssl.ssl-conf-cmd = (
    "MinProtocol" => "TLSv{version}", "MaxProtocol" => "TLSv{version}",
    "Options" => "KTLS,-SessionTicket", "NumTickets" => "0")
""")
    return Program(needs("lighttpd"), "-D", "-f", "lighttpd.conf", port=port)


# --- tests --------------------------------------------------------------------

def only(direction):
    return {k: direction[k] for k in ("bytes", "records", "wire")}


def check(client, told, extra):
    """@extra: what the server sends besides header and body."""
    equal("sw", MODES[told["tx"]["mode"]])
    equal(client.got.told(), only(told["tx"]))
    equal(client.plain + extra, told["tx"]["bytes"])
    if MODES[told["rx"]["mode"]] == "sw":
        equal(client.sent.told(), only(told["rx"]))
    print(f"# {told}")
    equal(0, told["errors"])
    equal(0, told["flags"])


@contextlib.contextmanager
def inside(directory):
    """s_server serves where it is."""
    before = os.getcwd()
    os.chdir(directory)
    try:
        yield
    finally:
        os.chdir(before)


CASES = [(f"{server.__name__}, TLS {v}, {name}", server, v, name)
         for server in (nginx, s_server, lighttpd) for v in VERSIONS
         for name in SIZES]


@rows(CASES)
def header_and_body_are_exact_at_the_close(server, version, name):
    place = "www" if server is s_server else "."
    with inside(place):
        running = server(version)
    with running:
        client = Client(running.port, version)
        client.send(f"GET /{name} HTTP/1.0\r\n\r\n".encode())
        body = client.all().partition(b"\r\n\r\n")[2]
        equal(SIZES[name], len(body))
        client.tcp.close()
        extra = (0 if version == "1.3" else FINISHED) + \
            (CLOSE_NOTIFY if client.ended else 0)
        check(client, STATS.closed(client.port), extra)


@rows([c for c in CASES if c[1] is not s_server])
def header_and_body_are_exact_while_it_lives(server, version, name):
    with server(version) as running:
        client = Client(running.port, version)
        extra = 0 if version == "1.3" else FINISHED
        for _ in range(3):
            client.send(f"GET /{name} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
            equal(SIZES[name], len(client.response()))
            check(client, STATS.with_port(client.port), extra)
        client.tcp.close()
        eventually(lambda: not STATS.with_port(client.port), "it closes")


def begin():
    prepare()
    os.mkdir("www")
    for name, size in SIZES.items():
        with open("www/" + name, "wb") as f:
            f.write(os.urandom(size))


if os.geteuid() or subprocess.run(["modprobe", "-q", "ktls_stats"],
                                  check=False).returncode:
    skip_all("the module ktls_stats cannot be loaded")
os.unshare(os.CLONE_NEWNET)
subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
STATS = Stats()
STATS.join("close")
run(begin)
