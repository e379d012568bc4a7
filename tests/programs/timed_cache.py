"""A small HTTP service that keeps an entry per request for 30 minutes and sweeps every 10: timed_cache.py PORT [leak] [log=FILE]

With `leak`, one object per request stays for ever as well. At the end it appends the number of sweeps that freed entries to FILE.
"""
import collections
import http.server
import os
import signal
import socketserver
import sys
import threading
import time

LIFETIME, SWEEP_EVERY = 1800, 600
kept, leaked, sweeps = collections.deque(), [], 0
leaks = "leak" in sys.argv
log = next((word[4:] for word in sys.argv if word.startswith("log=")), os.devnull)
lock = threading.Lock()


def sweep():
    global sweeps
    freed = False
    with lock:
        while kept and time.monotonic() - kept[0][0] >= LIFETIME:
            kept.popleft()
            freed = True
    sweeps += freed
    again = threading.Timer(SWEEP_EVERY, sweep)
    again.daemon = True
    again.start()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self):
        with lock:
            kept.append((time.monotonic(), bytearray(2048)))
            if leaks:
                leaked.append(bytearray(2048))
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_):
        pass


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    request_queue_size = 256


def end(*_):
    with open(log, "a") as file:
        file.write(f"{sweeps}\n")
    os._exit(0)


signal.signal(signal.SIGTERM, end)
sweep()
Server(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
