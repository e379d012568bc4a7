"""A service that tracks what users do, as in the post-mortem that this project started from: tracking_service.py PORT [VERSION]

Its cache in the four versions of that history:
  list    keeps every record, for ever: the leak
  deque   keeps the newest 1,000
  lru     keeps the 1,000 users that were seen last
  sweep   keeps what came in the last 30 minutes; a job cleans up every 10 minutes
"""
import logging
import sys
import time
from collections import OrderedDict, deque

from flask import Flask, jsonify, request

app = Flask(__name__)
version = sys.argv[2] if len(sys.argv) > 2 else "list"
global_event_cache = []


def keep(record):
    if version == "lru":
        user = record["user"]
        global_event_cache[user] = record
        global_event_cache.move_to_end(user)
        if len(global_event_cache) > 1000:
            global_event_cache.popitem(last=False)
    else:
        global_event_cache.append(record)


@app.route("/api/track", methods=["POST"])
def track():
    event = request.get_json()  # what the records are made of
    keep({"user": event["user_id"], "at": time.monotonic(), "events": event["events"]})
    return jsonify(cached=len(global_event_cache))


@app.route("/<path:page>", methods=["GET", "POST"])
def other(page):
    return jsonify(page=page)


def sweep():
    global global_event_cache
    oldest = time.monotonic() - 30 * 60
    global_event_cache = [record for record in global_event_cache if record["at"] >= oldest]


def start_version():
    global global_event_cache
    if version == "deque":
        global_event_cache = deque(maxlen=1000)
    elif version == "lru":
        global_event_cache = OrderedDict()
    elif version == "sweep":
        from apscheduler.schedulers.background import BackgroundScheduler

        scheduler = BackgroundScheduler()
        # A job that is late is skipped after a second, unless it says otherwise: that is a millisecond under a fast clock.
        scheduler.add_job(sweep, "interval", minutes=10, misfire_grace_time=600)
        scheduler.start()


start_version()
if __name__ == "__main__":
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    app.run(host="127.0.0.1", port=int(sys.argv[1]), threaded=True)
