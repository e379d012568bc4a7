#!/usr/bin/python3
"""Holds the documents to the programs.

usage: documents_test.py BIN_DIR SOURCE_DIR [--update]     --update writes the quoted output anew

- Every option in a document exists in the --help of its command, and every option in --help is in a document.
- Relative links and their anchors resolve; files that are named in code exist.
- Quoted output is what the program prints: in a code block, the lines behind "$ COMMAND" (up to the next one); a line
  "[...]" stands for any lines. (The README's output of a diagnosis is compared in diagnose_trackd_test.cpp.)
- The README has at most 8 kB, and the top level holds only what it may.
- Example commands of --help exist, help lines have at most 100 columns, and texts are free of some odd words.
"""
import glob
import os
import re
import shlex
import subprocess
import sys

BIN, SOURCE = (os.path.abspath(path) for path in sys.argv[1:3])
UPDATE = "--update" in sys.argv[3:]
TOP_LEVEL = {"CMakeLists.txt", "apps", "lib", "scripts", "testdata", "tests", "README.md", "LICENSE", "CMakePresets.json"}
# Options of other programs that the documents name.
FOREIGN = {"--password", "--disable-builtin-suppressions", "--prefix", "--sanitizers", "--preset", "--build", "--install", "--build-only", "--update",
           "--no-install-recommends", "--table", "--component", "--if-exists"}
ODD_WORDS = ["the story", "nobody", "whoever", "slow boil", "tells apart", "behaviour", "for ever"]

failures = []


def fail(where, what):
    failures.append(f"{where}: {what}")


def run(words, **more):
    environment = {**os.environ, "PATH": BIN + ":" + os.environ["PATH"], "COLUMNS": "100", "NO_COLOR": "1", "GITHUB_ACTIONS": ""}
    return subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True, cwd=SOURCE,
                          env=environment, timeout=60, **more).stdout


def options_of(text):
    """Long and short options at the begin of the lines of a help text."""
    found = set()
    for line in text.splitlines():
        if re.match(r"  --?[a-z]", line):
            found.update(re.findall(r"(?<![\w-])--?[a-z][a-z0-9-]*", re.split(r" {2,}", line.strip())[0]))
    return found


def read_help():
    texts = {("leakline", ""): run(["leakline", "--help"]), ("trackd", ""): run(["trackd", "--help"])}
    for name in re.findall(r"^  ([a-z-]+) ", texts["leakline", ""].split("\nCommands:\n")[1], re.M):
        texts["leakline", name] = run(["leakline", name, "--help"])
    return texts


def documents():
    patterns = ["README.md", ".github/*.md", "apps/**/*.md", "lib/**/*.md", "scripts/**/*.md", "testdata/*.md"]
    return sorted({path for pattern in patterns for path in glob.glob(os.path.join(SOURCE, pattern), recursive=True)})


def code_lines(text):
    """(line number, text) of indented code, with "\\" continuations joined."""
    joined, begin = "", 0
    for number, line in enumerate(text.splitlines(), 1):
        if not line.startswith("    "):
            joined = ""
            continue
        begin = begin if joined else number
        joined += line.strip() if not joined else " " + line.strip()
        if joined.endswith("\\"):
            joined = joined[:-1].rstrip()
            continue
        yield begin, joined
        joined = ""


def spans(text):
    for number, line in enumerate(text.splitlines(), 1):
        if not line.startswith("    "):
            for span in re.findall(r"`([^`]+)`", line):
                yield number, span


def words_of(command):
    try:
        return shlex.split(command, comments=True)
    except ValueError:
        return command.split()


def check_command(where, command, helps):
    """Whether the options of a leakline or trackd command line exist. True where it was one."""
    words = words_of(command)
    while words and words[0] in ("sudo", "exec"):
        words.pop(0)
    if not words or os.path.basename(words[0]) not in ("leakline", "trackd"):
        return False
    program, words = os.path.basename(words[0]), words[1:]
    name = ""
    known = options_of(helps[program, ""])
    while words:
        word = words.pop(0)
        if word == "--" or word in ("|", ">", ";", "&&"):
            break
        if word.startswith("-") and len(word) > 1:
            option = word.split("=")[0]
            if not option.startswith("--") or re.match(r"--[a-z]", option):
                if option not in known:
                    fail(where, f"{program} {name} has no {option}")
            if program == "leakline" and not name and option == "--config":
                words and words.pop(0)
        elif program == "leakline" and not name:
            name = word
            if name == "help":
                return True
            if ("leakline", name) not in helps:
                if re.fullmatch(r"[a-z]+", name):
                    fail(where, f"leakline has no command {name}")
                return True
            known = options_of(helps["leakline", name])
    return True


def check_options(path, text, helps):
    everything = set().union(*(options_of(text) for text in helps.values())) | FOREIGN
    named = set()
    name = os.path.relpath(path, SOURCE)
    for number, line in list(code_lines(text)) + list(spans(text)):
        options = set(re.findall(r"(?<![\w-])--[a-z][a-z0-9-]+", line))
        named |= options
        if line.startswith("$ ") or check_command(f"{name}:{number}", line, helps):
            continue  # "$": it is run, and may be in error
        if not line.startswith("--"):
            continue
        for option in options - everything:
            fail(f"{name}:{number}", f"no command has {option}")
    return named


def anchors(path):
    found = set()
    for title in re.findall(r"^#+ +(.*)$", open(path, encoding="utf-8").read(), re.M):
        found.add(re.sub(r"[^\w\- ]", "", title.strip().lower()).replace(" ", "-"))
    return found


def check_links(path, text):
    name = os.path.relpath(path, SOURCE)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = target.partition("#")
        there = os.path.normpath(os.path.join(os.path.dirname(path), file)) if file else path
        if not os.path.exists(there):
            fail(name, f"no such file: {target}")
        elif anchor and anchor not in anchors(there):
            fail(name, f"no such heading: {target}")
    for _, span in spans(text):
        file = re.match(r"(?:(?:apps|lib|scripts|tests|testdata)/[\w./-]+\.(?:cpp|hpp|sh|py|md|yml|yaml|json|jsonl|csv))\b", span)
        if file and "NAME" not in span and not os.path.exists(os.path.join(SOURCE, file[0])):
            fail(name, f"no such file: {file[0]}")


def matches(quoted, printed):
    """Whether the lines are those printed; "[...]" stands for any number of lines."""
    if not quoted:
        return not printed
    if quoted[0] == "[...]":
        return any(matches(quoted[1:], printed[skip:]) for skip in range(len(printed) + 1))
    return bool(printed) and quoted[0] == printed[0] and matches(quoted[1:], printed[1:])


def check_output(path, text):
    name = os.path.relpath(path, SOURCE)
    lines = text.splitlines()
    i = 0
    while i < len(lines):
        if not lines[i].startswith("    $ "):
            i += 1
            continue
        begin, command = i, lines[i].strip()[2:]
        i += 1
        while i < len(lines) and (not lines[i].strip() or lines[i].startswith("    ")) and not lines[i].startswith("    $ "):
            i += 1
        end = i
        while end > begin + 1 and not lines[end - 1].strip():
            end -= 1
        quoted = [line[4:].rstrip() for line in lines[begin + 1:end]]
        printed = [line.rstrip() for line in run(["bash", "-c", command]).splitlines()]
        while printed and not printed[-1]:
            printed.pop()
        if matches(quoted, printed):
            continue
        if UPDATE and "[...]" not in quoted:
            lines[begin + 1:end] = [("    " + line).rstrip() for line in printed]
            open(path, "w", encoding="utf-8").write("\n".join(lines) + "\n")
            i = begin + 1 + len(printed)
            continue
        fail(f"{name}:{begin + 1}", f"'{command}' prints something else (documents_test.py --update):\n    " + "\n    ".join(printed[:30]))


def check_help(helps):
    for (program, name), text in helps.items():
        where = f"{program} {name} --help".replace("  ", " ")
        example = text.partition("\nExample:\n")[2].strip()
        if example:
            check_command(where, example, helps)
            if not example.startswith(f"{program} {name}".strip()):
                fail(where, "the example is of another command")
        elif name:
            fail(where, "no example")
        for line in text.partition("\nExample:\n")[0].splitlines():
            if len(line) > 100 and " " in line.strip():
                fail(where, f"longer than 100 columns: {line}")
            described = re.match(r"  -.*? {2,}(\S.*)$", line)
            if described and described[1][0].islower() and "=" not in described[1] and not re.match(r"(bounded|lru|ttl)\b", described[1]):
                fail(where, f"begins with a small letter: {line.strip()}")
        for word in ODD_WORDS:
            if word in text.lower():
                fail(where, f"odd word: {word}")


def main():
    helps = read_help()
    check_help(helps)
    named = set()
    for path in documents():
        text = open(path, encoding="utf-8").read()
        named |= check_options(path, text, helps)
        check_links(path, text)
        check_output(path, text)
        for word in ODD_WORDS:
            if word in text.lower():
                fail(os.path.relpath(path, SOURCE), f"odd word: {word}")
    for (program, name), text in helps.items():
        for option in sorted(options_of(text) - named):
            if option.startswith("--") and option not in ("--help", "--version", "--colour"):
                fail(f"{program} {name}", f"{option} is in no document")
    size = os.path.getsize(os.path.join(SOURCE, "README.md"))
    if size > 8000:
        fail("README.md", f"{size} bytes; at most 8000")
    listed = subprocess.run(["git", "-c", "safe.directory=*", "-C", SOURCE, "ls-files"], capture_output=True, text=True).stdout.splitlines()
    for entry in sorted({path.split("/")[0] for path in listed}):
        if entry not in TOP_LEVEL and not entry.startswith("."):
            fail("top level", f"{entry} does not belong there")
    if failures:
        print("\n".join(failures))
        print(f"{len(failures)} failures")
        return 1
    print(f"{len(documents())} documents, {len(helps)} help texts: no failure")
    return 0


if __name__ == "__main__":
    sys.exit(main())
