#!/usr/bin/env bash
# The audit of source code, in one run on one machine:
#   - CPU of a unit of 1,000 lines of C, C++ and Python (goal: <= 2 s each), beside the compiler's own check of the same file
#   - this code base, read anew and from the cache (goal on 2 cores: <= 180 s), with progress shown on a terminal
# usage: scripts/bench/audit.sh [BUILD_DIR [JOBS]]   (default build/release and 2; the folder needs compile_commands.json)
set -euo pipefail
cd "$(dirname "$0")/../.."
build=${1:-build/release}
jobs=${2:-2}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

/usr/bin/env python3 - "$build/bin/leakline" "$build" "$jobs" "$work" <<'PY'
import os, pty, resource, subprocess, sys, time

leakline, build, jobs, work = sys.argv[1:]


def children():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def run(command):
    """Seconds of CPU and of the clock."""
    cpu, clock = children(), time.monotonic()
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    if done.returncode not in (0, 1):  # 1: findings
        sys.exit(f"{' '.join(command)}: {done.stderr}")
    return children() - cpu, time.monotonic() - clock


def audit(*arguments):
    return [leakline, "audit", *arguments, "--jobs", jobs, "--inconclusive", "pass"]


# Parts of 20 lines: a container, what adds to it, what looks something up, what removes.
PARTS = {
    "cpp": ("""#include <map>
#include <string>
#include <sys/socket.h>
#include <vector>
""", """struct Row{0} {{
    std::string key;
    int count = 0;
}};
static std::map<std::string, std::vector<Row{0}>> table{0};
void add{0}(const std::string& key) {{
    auto& rows = table{0}[key];
    for (const Row{0}& row : rows)
        if (row.key == key) return;
    rows.push_back({{key, static_cast<int>(rows.size())}});
}}
int count{0}(const std::string& key) {{
    const auto found = table{0}.find(key);
    return found == table{0}.end() ? 0 : static_cast<int>(found->second.size());
}}
void drop{0}(const std::string& key) {{
    if (count{0}(key) > 3) table{0}.erase(key);
}}

""", "int main() {\n    char text[9];\n    while (recv(3, text, 9, 0) > 0) {\n", "        add{0}(text);\n", "    }\n}\n"),
    "c": ("#include <stdlib.h>\n#include <string.h>\n#include <sys/socket.h>\n", """struct row{0} {{
    struct row{0} *next;
    char key[16];
}};
static struct row{0} *rows{0};
void add{0}(const char *key) {{
    struct row{0} *row = malloc(sizeof *row);
    if (!row) return;
    strncpy(row->key, key, 15);
    row->next = rows{0};
    rows{0} = row;
}}
void drop{0}(void) {{
    while (rows{0}) {{
        struct row{0} *old = rows{0};
        rows{0} = old->next;
        free(old);
    }}
}}

""", "int main(void) {\n    char text[9];\n    while (recv(3, text, 9, 0) > 0) {\n", "        add{0}(text);\n", "    }\n}\n"),
    "py": ("from flask import Flask, request\n\napp = Flask(__name__)\n", """class Store{0}:
    def __init__(self):
        self.rows = {{}}
        self.order = []

    def save_row{0}(self, key, value):
        rows = self.rows.setdefault(key, [])
        if value in rows:
            return
        rows.append(value)
        self.order.append(key)

    def drop_row{0}(self):
        while len(self.order) > 3:
            self.rows.pop(self.order.pop(0))


store{0} = Store{0}()


""", "@app.route('/')\ndef handle():\n", "    store{0}.save_row{0}(request.path, 1)\n", "    return ''\n"),
}
CHECKS = {"cpp": ["c++", "-std=c++20", "-fsyntax-only"], "c": ["cc", "-fsyntax-only"], "py": [sys.executable, "-m", "py_compile"]}

for language, (head, part, begin, call, end) in PARTS.items():
    count = 1000 // (part.count("\n") + 1)
    text = head + "".join(part.format(i) for i in range(count)) + begin + "".join(call.format(i) for i in range(count)) + end
    file = os.path.join(work, "unit." + language)
    with open(file, "w") as out:
        out.write(text)
    # Interleaved; the minimum of each is the run that other work disturbed least.
    times = [(run(audit(file, "--no-cache"))[0], run([*CHECKS[language], file])[0]) for _ in range(5)]
    ours, theirs = (min(column) for column in zip(*times))
    print(f"== {text.count(chr(10))} lines of .{language}: {ours:.2f} s of CPU (goal <= 2); {CHECKS[language][0].split('/')[-1]} "
          f"{theirs:.2f} s: ratio {ours / max(theirs, 0.01):.1f}")

os.environ["XDG_CACHE_HOME"] = work
for what in ("read anew", "from the cache"):
    cpu, clock = run(audit("lib", "apps", "-p", build))
    print(f"== this code base with {jobs} jobs, {what}: {clock:.1f} s (goal <= 180), {cpu:.1f} s of CPU")
print(f"== peak {resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024} MiB resident")

# On a terminal the progress is drawn again and again.
shown = bytearray()


def keep(descriptor):
    data = os.read(descriptor, 65536)
    shown.extend(data)
    return b""


os.environ["TERM"] = "xterm"
pty.spawn(audit("lib/audit", "-p", build, "--no-cache", "-o", os.path.join(work, "audit.json")), keep)
print(f"== progress: drawn {shown.count(b'audit')} times in an audit of lib/audit")
PY
