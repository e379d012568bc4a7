"""Eleven ways for a service in Python to keep what requests bring, and bounded ones.

"finds RULE" is behind the declaration of what has to be reported; nothing else may be.
"""
import functools
from collections import defaultdict, deque

from flask import Flask, request

app = Flask(__name__)

seen_list = []  # finds unbounded-growth
by_user = {}  # finds unbounded-growth
grouped = defaultdict(list)  # finds unbounded-growth
unique = set()  # finds unbounded-growth
recent = deque()  # finds unbounded-growth
bounded = deque(maxlen=100)
log_text = ""  # finds unbounded-growth
cleared = []


class Session:
    history = []  # finds unbounded-growth

    def __init__(self, user):
        self.user = user
        self.steps = []

    def remember(self, item):
        self.history.append(item)
        self.steps.append(item)


class Store:
    def __init__(self):
        self.items = {}  # finds unbounded-growth
        self.temp = []

    def save(self, key, value):
        self.items[key] = value
        self.temp.append(value)

    def flush(self):
        self.temp.clear()


store = Store()


def collect(item, into=[]):  # finds unbounded-growth
    into.append(item)
    return into


@functools.lru_cache(maxsize=None)  # finds unbounded-memo
def parse(text):
    return text.split()


def make_handler(app):
    calls = []  # finds unbounded-growth

    @app.route("/closure")
    def closure():
        calls.append(request.path)
        return "ok"

    return closure


@app.route("/all", methods=["POST"])
def handle():
    body = request.get_json()
    seen_list.append(body)
    by_user[body["user"]] = body
    grouped[body["user"]].append(body)
    unique.add(body["id"])
    recent.append(body)
    bounded.append(body)
    global log_text
    log_text = log_text + body["text"]
    cleared.append(body)
    if len(cleared) > 10:
        del cleared[:]
    Session(body["user"]).remember(body)
    store.save(body["id"], body)
    store.flush()
    collect(body)
    parse(body["text"])
    local = []
    local.append(body)
    return "ok"


make_handler(app)
if __name__ == "__main__":
    app.run()
