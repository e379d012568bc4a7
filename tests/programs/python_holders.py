"""Keeps payloads for ever in the ways that services leak by, then works on: python_holders.py DONE [BEGIN]

Makes the file BEGIN and begins when it is removed. Makes the file DONE after that. The comment of each way is at the line through which it allocates: "# WAY".
"""
import asyncio
import atexit
import functools
import gc
import logging
import os
import sys
import threading
import time
import zlib

kept_list = []
kept_dict = {}
kept_set = set()
kept_names = {}
compressors = []
logger = logging.getLogger("tracking")
local = threading.local()
tasks = set()
errors = []


def payload(i):
    return {"user": i, "events": [str(i + j) for j in range(20)]}


class Event:
    def __init__(self, i):
        self.payload = payload(i)


class Store:
    shared = []

    def __init__(self):
        self.own = {}

    def add(self, i, calls=[]):
        calls.append(payload(i))  # method


store = Store()


def with_default(i, seen=[]):
    seen.append(payload(i))  # default


def make_keeper():
    inside = []

    def keep(i):
        inside.append(payload(i))  # closure

    return keep


keeper = make_keeper()


@functools.lru_cache(None)
def cached(i):
    return payload(i)  # lru_cache


def add_handler(i):
    handler = logging.NullHandler()
    handler.payload = payload(i)  # handler
    logger.addHandler(handler)


def fail(i):
    kept_by_frame = payload(i)  # traceback
    raise ValueError(i)


def keep_error(i):
    try:
        fail(i)
    except ValueError as error:
        errors.append(error)


class Node:
    def __init__(self, i):
        self.payload = payload(i)  # cycle
        self.itself = self

    def __del__(self):
        pass


async def work(i):
    return payload(i)  # task


def keep(i):
    kept_list.append(payload(i))  # list
    kept_dict[i] = payload(i)  # dict
    kept_set.add(Event(i))  # set
    kept_names["name " * 100 + str(i)] = True  # key
    store.add(i)
    atexit.register(print, payload(i))  # native code
    if i < 30:
        compressors.append(zlib.compressobj(6, zlib.DEFLATED, 12, 5))  # native memory
    Store.shared.append(payload(i))  # class
    with_default(i)
    keeper(i)
    cached(i)
    add_handler(i)
    keep_error(i)
    Node(i)


def keep_in_thread(count, done):
    local.kept = []
    for i in range(count):
        local.kept.append(payload(i))  # thread
    done.set()
    threading.Event().wait()


async def run(count):
    done = threading.Event()
    threading.Thread(target=keep_in_thread, args=(count, done), daemon=True).start()
    for i in range(count):
        keep(i)
        tasks.add(asyncio.ensure_future(work(i)))
        await asyncio.sleep(0)
    done.wait()
    for i in range(count):
        store.own[i] = payload(i)  # object
    open(sys.argv[1], "w").close()
    while True:
        await asyncio.sleep(0.001)
        garbage = [payload(i) for i in range(100)]


if len(sys.argv) > 2:
    open(sys.argv[2], "w").close()
    while os.path.exists(sys.argv[2]):
        time.sleep(0.01)
gc.disable()  # else the cycles are freed, sooner or later
asyncio.run(run(500))
