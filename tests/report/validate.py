#!/usr/bin/python3
"""Holds every report format to something that nobody here wrote.

usage: validate.py LEAKLINE SOURCE_DIR [FILE BRANCH]     (exit code 77: a validator is not installed, see scripts/setup.sh)
       FILE BRANCH: only this JSON, by that part of the schema

JSON: lib/report/report.schema.json through python3-jsonschema, with members that the schema does not name refused.
SARIF: its public schema. JUnit: the schemas of Apache Ant's report and of Jenkins, through xmllint. OpenMetrics:
promtool. SVG: xmllint. pprof: protoc, by the format's own definition. Markdown: cmark-gfm, GitHub's own renderer. The GitHub action and the GitLab template: their public schemas.
"""
import copy
import csv
import gzip
import html.parser
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

try:
    import jsonschema
except ImportError:
    sys.exit(77)
PROFILE = "/usr/share/gocode/src/github.com/google/pprof/proto/profile.proto"  # pprof's own, golang-github-google-pprof-dev
if not os.path.exists(PROFILE):
    sys.exit(77)
if not all(shutil.which(program) for program in ("xmllint", "promtool", "cmark-gfm", "protoc")):
    sys.exit(77)

LEAKLINE, SOURCE, *ONE_FILE = sys.argv[1:]
SCHEMAS = os.path.join(SOURCE, "testdata/schemas")
HOSTILE = "</script>]]>&<'\"\x1b[2J\x00 %0a::error::x {{x}} \u2028 " + "é" * 50


def strict(schema):
    """schema with additionalProperties: false wherever properties are listed."""
    if isinstance(schema, dict):
        out = {key: strict(value) for key, value in schema.items()}
        if "properties" in out and out.get("type") == "object":
            out.setdefault("additionalProperties", False)
        return out
    return [strict(item) for item in schema] if isinstance(schema, list) else schema


def load(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def inputs():
    """Diagnoses of every verdict, one with hostile text everywhere, one with next to nothing in it."""
    leak = load(os.path.join(SOURCE, "testdata/golden/diagnosis_v1.json"))
    yield "leak", leak
    for verdict in "no_leak", "inconclusive", "invalid":
        other = copy.deepcopy(leak)
        other["verdict"] = verdict
        yield verdict, other
    longer = copy.deepcopy(leak)
    longer["retries"] = ["after 8 rounds: memory over time is inconclusive"]
    yield "a run that was made longer", longer
    no_line = copy.deepcopy(leak)
    no_line["lines"], no_line["tables"] = [], []
    yield "leak without a line", no_line

    def poison(value, key=""):
        if isinstance(value, dict):
            return {k: poison(v, k) for k, v in value.items()}
        if isinstance(value, list):
            return [poison(v, key) for v in value]
        contract = ("verdict", "class", "per", "outcome", "origin", "by", "started", "follows", "runtime")
        return value + HOSTILE if isinstance(value, str) and key not in contract else value

    hostile = poison(leak)
    hostile["growth"]["source"] = leak["growth"]["source"]  # one of a few words, as a line's source is not
    hostile["lines"] = [dict(hostile["lines"][0], source=HOSTILE * n) for n in (1, 1, 500)]
    yield "hostile", hostile
    yield "bare", {"schema": 1, "verdict": "leak", "trend": {}, "reasons": ["x"]}


def render(directory, document):
    source = os.path.join(directory, "in.json")
    with open(source, "w", encoding="utf-8") as file:
        json.dump(document, file)
    outputs = {name: os.path.join(directory, "out" + name) for name in
               (".json", ".md", ".csv", ".xml", ".sarif", ".codequality.json", ".prom", ".svg", ".txt", ".html", ".pb.gz")}
    command = [LEAKLINE, "report", source, "--format", "text"]
    for path in outputs.values():
        command += ["-o", path]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return outputs


def run(*command, stdin=None):
    done = subprocess.run(command, stdin=stdin, capture_output=True, text=True)
    if done.returncode != 0 or done.stderr.strip().startswith("error"):
        raise AssertionError(f"{' '.join(command)}: {done.stdout}{done.stderr}")


def check_gitlab(findings):
    """The members that GitLab's documentation asks for; there is no public schema of the report itself."""
    prints = set()
    for finding in findings:
        assert finding["severity"] in ("info", "minor", "major", "critical", "blocker"), finding
        assert isinstance(finding["description"], str) and isinstance(finding["check_name"], str)
        assert finding["location"]["path"] and finding["location"]["lines"]["begin"] >= 1
        prints.add(finding["fingerprint"])
    assert len(prints) == len(findings), "fingerprints repeat"


class Tags(html.parser.HTMLParser):
    """Which elements a page holds, and whether each is closed in its turn."""

    def __init__(self):
        super().__init__()
        self.open, self.seen, self.text = [], set(), ""

    def handle_starttag(self, tag, attrs):
        self.seen.add(tag)
        assert not attrs or tag in ("td", "th", "code"), f"<{tag}> has the attributes {attrs}"
        if tag not in ("br", "hr"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open and self.open.pop() == tag, f"</{tag}> closes something else"

    def handle_data(self, data):
        self.text += data


def check_markdown(path, verdict):
    """What GitHub makes of it: the heading, a table, closed details, and no element that came in with somebody's text."""
    done = subprocess.run(["cmark-gfm", "--unsafe", "-e", "table", "-e", "tagfilter", "-e", "autolink", path],
                          capture_output=True, text=True, check=True)
    tags = Tags()
    tags.feed(done.stdout)
    assert not tags.open, f"left open: {tags.open}"
    ours = set("h3 h4 p table thead tbody tr th td code pre details summary ul li strong em br".split())
    assert tags.seen <= ours, f"elements that are not ours: {tags.seen - ours}"
    assert {"h3", "table", "details"} <= tags.seen, tags.seen
    assert "| --- |" not in tags.text, "a table was not taken for one"
    assert verdict.replace("_", " ") in tags.text.lower(), tags.text[:200]


def check_pprof(path):
    """What a reader made from pprof's own definition finds: known fields only, and no index that points nowhere."""
    with gzip.open(path) as file:
        done = subprocess.run(["protoc", "--decode=perftools.profiles.Profile", "-I", os.path.dirname(PROFILE), PROFILE],
                              input=file.read(), capture_output=True, check=True)
    text = done.stdout.decode()
    assert not re.search(r"^ *[0-9]+[:{ ]", text, re.M), "a field that the definition does not know"
    strings = re.findall(r'^string_table: "(.*)"$', text, re.M)
    assert strings[0] == ""

    def blocks(name):
        return re.findall(rf"^{name} {{\n(.*?)^}}$", text, re.M | re.S)

    def numbers(block, field):
        return [int(value) for value in re.findall(rf"^ *{field}: (-?[0-9]+)$", block, re.M)]

    types = [(strings[numbers(block, "type")[0]], strings[numbers(block, "unit")[0]]) for block in blocks("sample_type")]
    assert types == [("alloc_objects", "count"), ("alloc_space", "bytes"), ("inuse_objects", "count"), ("inuse_space", "bytes")], types
    assert strings[numbers(text, "default_sample_type")[0]] == "inuse_space"
    functions = {numbers(block, "id")[0] for block in blocks("function")}
    locations = {numbers(block, "id")[0]: numbers(block, "function_id") for block in blocks("location")}
    assert all(set(known) <= functions for known in locations.values())
    samples = blocks("sample")
    assert samples and all(len(numbers(block, "value")) == 4 for block in samples)
    assert all(set(numbers(block, "location_id")) <= set(locations) for block in samples)


class Schema:
    """report.schema.json, a document through the one branch that is meant: anyOf's message says nothing."""

    def __init__(self):
        self.whole = strict(load(os.path.join(SOURCE, "lib/report/report.schema.json")))
        jsonschema.Draft202012Validator.check_schema(self.whole)

    def validate(self, document, branch):
        jsonschema.Draft202012Validator(dict(self.whole["$defs"][branch], **{"$defs": self.whole["$defs"]})).validate(document)
        jsonschema.Draft202012Validator(self.whole).validate(document)


def json_of(*arguments, codes=(0,)):
    done = subprocess.run([LEAKLINE, *arguments, "-q", "--format", "json"], capture_output=True, text=True)
    assert done.returncode in codes, done
    return json.loads(done.stdout)


def check_other_commands(schema):
    """The JSON of the commands that no stored diagnosis stands for."""
    with tempfile.TemporaryDirectory() as directory:
        def path(name):
            return os.path.join(directory, name)

        after = load(os.path.join(SOURCE, "testdata/golden/diagnosis_v1.json"))
        for line in after["lines"]:
            line["function"], line["source"] = "another", "another();"
        with open(path("after.json"), "w", encoding="utf-8") as file:
            json.dump(after, file)
        before = os.path.join(SOURCE, "testdata/golden/diagnosis_v1.json")
        compared = json_of("compare", before, path("after.json"), codes=(1,))
        schema.validate(compared, "comparison")
        assert {line["change"] for line in compared["lines"]} >= {"new", "gone"}, compared

        schema.validate(json_of("gate", before, path("after.json")), "gate")

        log = path("log.jsonl")
        subprocess.run([LEAKLINE, "traffic", "--requests", "20", "-q", "-o", log], check=True)
        nobody = ("replay", log, "--target", "http://127.0.0.1:1", "--pace", "max")
        schema.validate(json_of(*nobody, "--dry-run"), "dry_run")
        schema.validate(json_of(*nobody, codes=(4,)), "replay_report")

        subprocess.run([LEAKLINE, "record", "-q", "-o", path("run.leak"), "--", "/bin/ls", directory],
                       check=True, capture_output=True)
        schema.validate(json_of("lines", path("run.leak")), "lines")
        print("compare, gate, replay, dry run, lines: valid")


def main():
    schema = Schema()
    if ONE_FILE:
        schema.validate(load(ONE_FILE[0]), ONE_FILE[1])
        return
    sarif = jsonschema.Draft7Validator(load(os.path.join(SCHEMAS, "sarif-2.1.0.json")))

    for name, document in inputs():
        with tempfile.TemporaryDirectory() as directory:
            out = render(directory, document)
            written = load(out[".json"])
            schema.validate(written, "diagnosis")
            results = load(out[".sarif"])
            sarif.validate(results)
            findings = load(out[".codequality.json"])
            check_gitlab(findings)
            expected = {"leak": 1, "no_leak": 0, "inconclusive": 1, "invalid": 1, "leak without a line": 1, "hostile": 3, "bare": 1, "a run that was made longer": 1}[name]
            assert len(results["runs"][0]["results"]) == expected == len(findings), (name, len(findings))
            for definition in "jenkins-junit.xsd", "JUnit.xsd":
                run("xmllint", "--noout", "--huge", "--schema", os.path.join(SCHEMAS, definition), out[".xml"])
            run("xmllint", "--noout", out[".svg"])
            if name == "leak":
                check_pprof(out[".pb.gz"])
            with open(out[".prom"], encoding="utf-8") as file:
                run("promtool", "check", "metrics", stdin=file)
            with open(out[".prom"], encoding="utf-8") as file:
                assert file.read().endswith("\n# EOF\n")
            with open(out[".csv"], encoding="utf-8", newline="") as file:
                rows = list(csv.reader(io.StringIO(file.read())))
            assert all(len(row) == len(rows[0]) for row in rows) and len(rows) == 1 + len(document.get("lines", []))
            assert os.path.getsize(out[".md"]) < 60_000
            check_markdown(out[".md"], document["verdict"])
        print(f"{name}: valid")

    with tempfile.TemporaryDirectory() as directory:
        names = [os.path.join(directory, name) for name in ("up.csv", "flat.csv")]
        for name, slope in zip(names, (50_000, 0)):
            with open(name, "w", encoding="utf-8") as file:
                file.write("t_s,rss_bytes\n" + "".join(f"{t},{20_000_000 + slope * t + t % 7 * 1000}\n" for t in range(300)))
        for files, branch in (names[:1], "trend_of_one"), (names, "trends"):
            done = subprocess.run([LEAKLINE, "trend", *files, "-q", "--format", "json"], capture_output=True, text=True)
            document = json.loads(done.stdout)
            schema.validate(document, branch)
        path = os.path.join(directory, "trend.html")
        subprocess.run([LEAKLINE, "trend", *reversed(names), "-q", "-o", path], stdout=subprocess.DEVNULL)
        with open(path, encoding="utf-8") as file:
            page = file.read()
        assert page.index(">growing<") < page.index(">stable<"), "the worst run does not stand first"
        print("trends: valid")

    with tempfile.TemporaryDirectory() as directory:
        leak = load(os.path.join(SOURCE, "testdata/golden/diagnosis_v1.json"))
        for day, growth in enumerate((100, 108, 116, 125, 134)):
            leak["started"] = f"2026-01-0{day + 1}T00:00:00Z"
            for line in leak["lines"]:
                line["bytes_per_request_interval"] = {"estimate": growth, "low": growth - 1, "high": growth + 1}
            with open(os.path.join(directory, f"{9 - day}.json"), "w", encoding="utf-8") as file:
                json.dump(leak, file)
        out = [os.path.join(directory, "history" + name) for name in (".html", ".md")]
        done = subprocess.run([LEAKLINE, "history", directory, "-q", "--format", "json", "-o", out[0], "-o", out[1]],
                              capture_output=True, text=True)
        assert done.returncode == 1, done
        document = json.loads(done.stdout)
        schema.validate(document, "history")
        assert [os.path.basename(run["file"]) for run in document["runs"]] == [f"{9 - day}.json" for day in range(5)]
        boiling = [line for line in document["growing_lines"] if line["change"] == "slow growth"]
        assert document["worse"] is True and boiling and boiling[0]["least_bytes_per_request"] == 100, document
        rendered = subprocess.run(["cmark-gfm", "-e", "table", out[1]], capture_output=True, text=True, check=True).stdout
        assert "<table>" in rendered and "slow growth" in rendered, rendered
        print("history: valid")

    check_other_commands(schema)

    try:
        import yaml
    except ImportError:
        sys.exit(77)
    for file, definition in (".github/actions/gate/action.yml", "github-action.json"), (".gitlab/leakline.yml", "gitlab-ci.json"):
        with open(os.path.join(SOURCE, file), encoding="utf-8") as stream:
            jsonschema.Draft7Validator(load(os.path.join(SCHEMAS, definition))).validate(yaml.safe_load(stream))
        print(f"{file}: valid")


main()
