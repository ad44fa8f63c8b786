# SPDX-License-Identifier: GPL-2.0-only
"""Tests as functions: @test, or @test for each row of a table; then run()."""
import os
import shutil
import sys
import tempfile
import time
import traceback

TESTS = []


class Skip(Exception):
    """What this test needs is not here."""


def test(function):
    TESTS.append((function.__name__, function, ()))
    return function


def rows(table):
    """The function is called with each row; a row begins with its name."""
    def add(function):
        for name, *row in table:
            TESTS.append((f"{function.__name__}: {name}", function, row))
        return function
    return add


def find(name, *dirs):
    path = os.pathsep.join(dirs + (os.environ["PATH"], "/usr/sbin"))
    return shutil.which(name, path=path)


def skip_all(reason):
    print("TAP version 13\n1..0 # SKIP " + reason)
    sys.exit(4)


def equal(want, got):
    if want != got:
        raise AssertionError(f"expected {want!r}, got {got!r}")


def holds(what, where):
    if what not in where:
        raise AssertionError(f"{what!r} is not in {where!r}")


def eventually(condition, what, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise AssertionError("in vain: " + what)
        time.sleep(0.02)


def run_one(number, name, function, row):
    start = time.monotonic()
    try:
        function(*row)
        verdict, text = "ok", f"{time.monotonic() - start:.1f} s"
    except Skip as reason:
        verdict, text = "ok", f"SKIP {reason}"
    except Exception:   # whatever it was, it is the test's
        print("# " + traceback.format_exc().rstrip().replace("\n", "\n# "))
        verdict, text = "not ok", f"{time.monotonic() - start:.1f} s"
    print(verdict, number, name, "#", text, flush=True)
    return verdict == "ok"


def run(prepare=lambda: None, finish=lambda: None):
    wanted = sys.argv[1:]
    tests = [t for t in TESTS if not wanted or any(w in t[0] for w in wanted)]
    failed = 0
    with tempfile.TemporaryDirectory(prefix="ktls-test.") as place:
        os.chdir(place)
        prepare()
        print(f"TAP version 13\n1..{len(tests)}", flush=True)
        for number, (name, function, row) in enumerate(tests, 1):
            failed += not run_one(number, name, function, row)
        finish()
        os.chdir("/")
    print(f"# Totals: pass:{len(tests) - failed} fail:{failed}")
    sys.exit(1 if failed else 0)
