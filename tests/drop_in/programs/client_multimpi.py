"""The calls of paramsurvey_multimpi: psets that wait for each other, and speak to the driver's server."""

import functools
import json
import os
import signal
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar
from urllib.request import Request, urlopen

import shown

import paramsurvey

url = None
signals = 0
server_process = None


class Answers(BaseHTTPRequestHandler):
    """Says to each leader and follower what to do, by what all of them have said so far."""

    lock = threading.Lock()
    free: ClassVar[list] = []  # followers that wait for a leader
    teams: ClassVar[dict] = {}  # leader -> its followers
    ended: ClassVar[set] = set()

    def do_POST(self):
        text = self.rfile.read(int(self.headers["Content-Length"]))
        with self.lock:
            state = getattr(self, json.loads(text)["method"])(*json.loads(text)["params"])
        body = json.dumps({"result": {"state": state}}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass

    def hello(self):
        return "hello"

    def leader(self, key, wanted, state):
        if state == "exiting":
            self.ended.add(key)
            return "exiting"
        needed = int(wanted) - 1
        if key not in self.teams and len(self.free) >= needed:
            self.teams[key] = [self.free.pop() for _ in range(needed)]
        return "running" if key in self.teams else "waiting"

    def follower(self, key):
        for leader, followers in self.teams.items():
            if key in followers:
                return "exiting" if leader in self.ended else "assigned"
        if key not in self.free:
            self.free.append(key)
        return "available"


def call(method, *params):
    request = Request(url, json.dumps({"method": method, "params": params}).encode())
    with urlopen(request, timeout=10) as answer:
        return json.load(answer)["result"]["state"]


def leader(pset, system_kwargs, user_kwargs):
    state, process = "waiting", None
    while True:
        state = call("leader", pset["key"], pset["wanted"], state)
        if state == "running" and process is None:
            command = pset["run_args"].format(int(pset["wanted"])).split()
            run_kwargs = pset.get("run_kwargs") or user_kwargs.get("run_kwargs") or {}
            process = subprocess.Popen(command, **run_kwargs)
        if process is not None and process.poll() is not None:
            out, err = process.communicate()
            call("leader", pset["key"], pset["wanted"], "exiting")
            return {"cli": subprocess.CompletedProcess(None, process.poll(), out, err)}
        time.sleep(0.05)


def follower(pset, system_kwargs, user_kwargs):
    while call("follower", pset["key"]) != "exiting":
        time.sleep(0.05)
    return {"cli": "hi pandas"}


def multimpi_worker(pset, system_kwargs, user_kwargs):
    if "multimpi_server_url" not in user_kwargs:
        raise ValueError("missing multimpi_server_url")
    global url
    url = user_kwargs["multimpi_server_url"]
    if pset["kind"] == "leader":
        return leader(pset, system_kwargs, user_kwargs)
    return follower(pset, system_kwargs, user_kwargs)


def note_interrupt(process, signum, frame):
    global signals
    signals += 1


def start_server(user_kwargs):
    global url, server_process
    server_process = subprocess.Popen([sys.executable, __file__, "serve"], stdout=subprocess.PIPE, text=True)
    url = user_kwargs["multimpi_server_url"] = server_process.stdout.readline().strip()
    assert call("hello") == "hello"
    signal.signal(signal.SIGINT, functools.partial(note_interrupt, server_process))


def serve():
    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        print(f"http://127.0.0.1:{server.server_port}/", flush=True)
        server.serve_forever()


def main():
    paramsurvey.init(backend="multiprocessing", ncores=4, verbose=0)
    user_kwargs = {"run_kwargs": {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "encoding": "utf-8"}}
    start_server(user_kwargs)
    team = [
        {"kind": "leader", "ncores": 1, "run_args": "echo ranks {}", "wanted": 3},
        {"kind": "follower", "ncores": 1},
        {"kind": "follower", "ncores": 1},
    ]
    psets = [{**pset, "key": f"{number}-{member}"} for number in range(3) for member, pset in enumerate(team)]
    directory = os.path.realpath(os.path.dirname(__file__))
    results = paramsurvey.map(multimpi_worker, psets, user_kwargs=user_kwargs, chdir=directory, verbose=0)
    server_process.kill()
    server_process.wait()
    shown.missing("missing", results.missing)
    shown.counters("progress", results)
    shown.table("results", results.drop(columns="cli"))
    cli = [row["cli"] for row in results.iterdicts()]
    shown.value("followers", sorted(one for one in cli if isinstance(one, str)))
    ended = [(row.cli.returncode, row.cli.stdout) for row in results.itertuples() if row.kind != "follower"]
    shown.value("leaders", sorted(ended))
    shown.value("signals", signals)


if __name__ == "__main__":
    serve() if "serve" in sys.argv else main()
