#!/usr/bin/python3
"""Prints the tables that the real memory_profiler makes of given numbers.

usage: golden_line_table.py CASES.json > expected.txt      (remakes testdata/golden/line_table/expected.txt)

CASES.json is a list of {file, first, last, precision, cells: {line: [increment MiB, memory MiB, occurrences]}}; files
are looked for beside it. The numbers go through memory_profiler.show_results as they would from its own tracer.
Debian's python3 is named above because the package (python3-memory-profiler) belongs to it. Exit code 77: the package
is not installed.
"""
import json
import os
import sys
import types

try:
    import memory_profiler
except ImportError:
    sys.exit(77)


def main():
    sys.stdout.reconfigure(encoding="utf-8", newline="\n")
    os.chdir(os.path.dirname(os.path.abspath(sys.argv[1])))
    with open(os.path.basename(sys.argv[1]), encoding="utf-8") as file:
        cases = json.load(file)
    for case in cases:
        cells = {int(line): tuple(values) for line, values in case["cells"].items()}
        rows = [(line, cells.get(line)) for line in range(case["first"], case["last"] + 1)]
        profiler = types.SimpleNamespace(code_map={case["file"]: rows})
        memory_profiler.show_results(profiler, sys.stdout, precision=case["precision"])


main()
