"""Keeps objects of many kinds, allocated on known lines: kept_objects.py trace | kept_objects.py FILE

trace: prints tracemalloc's count of each line, "LINE BYTES". FILE: creates it when all is kept, and goes on until it is removed.
"""
import asyncio
import os
import sys
import threading
import time

kept = []
index = {}


class Visit:
    def __init__(self, number):
        self.page = "/articles/%08d" % number
        self.seconds = [number % 7, number % 11]


def visits():
    for number in range(4000):
        kept.append(Visit(number))
        index[str(number) * 3] = (number, number + 1)


def lines_of_text(count):
    for number in range(count):
        yield "line " * 20 + str(number)


def large():
    kept.append(bytearray(700_000))
    kept.append([None] * 50_000)
    for _ in range(20_000):
        " ".join(("not", "kept"))


async def sessions():
    for number in range(3000):
        kept.append(frozenset((number, str(number))))
        if number % 500 == 0:
            await asyncio.sleep(0)


def keep_all():
    threads = [threading.Thread(target=visits) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    kept.extend(lines_of_text(5000))
    large()
    asyncio.run(sessions())


if sys.argv[1] == "trace":
    import tracemalloc

    tracemalloc.start()
    keep_all()
    for statistic in tracemalloc.take_snapshot().statistics("lineno"):
        if statistic.traceback[0].filename == __file__:
            print(statistic.traceback[0].lineno, statistic.size)
else:
    keep_all()
    open(sys.argv[1], "w").close()
    while os.path.exists(sys.argv[1]):
        time.sleep(0.01)
