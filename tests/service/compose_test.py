#!/usr/bin/python3
"""Holds scripts/monitoring/compose.yml to what it starts and mounts: trackd's own options, the libraries that it is linked
with, files that are there, and addresses that agree with each other.

usage: compose_test.py TRACKD SOURCE_DIR      (exit code 77: python3-yaml, promtool or dpkg is not installed)
"""
import os
import re
import shlex
import shutil
import subprocess
import sys

try:
    import yaml
except ImportError:
    sys.exit(77)
if not all(shutil.which(program) for program in ("promtool", "dpkg-query", "ldd")):
    sys.exit(77)

TRACKD, SOURCE = sys.argv[1:3]
FOLDER = os.path.join(SOURCE, "scripts/monitoring")


def load(name):
    with open(os.path.join(FOLDER, name), encoding="utf-8") as file:
        return yaml.safe_load(file)


def output(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def mounts(service):
    """(source, path in the container) of each file that is mounted."""
    for volume in service.get("volumes", []):
        source, target = volume.split(":")[:2]
        if source.startswith("."):
            yield os.path.normpath(os.path.join(FOLDER, source)), target


compose = load("compose.yml")
services = compose["services"]
trackd = services["trackd"]

# What the shell of the container is given, as docker compose splits it, and the service's own words within.
shell = shlex.split(trackd["command"])
assert shell[:2] == ["sh", "-c"] and len(shell) == 3, shell
subprocess.run(["sh", "-n", "-c", shell[2]], check=True)
words = shlex.split(shell[2].split("exec ")[1])
assert words[0] == dict((t, t) for _, t in mounts(trackd)).get(words[0]), "what is run is not what is mounted"
known = set(re.findall(r"--[a-z-]+", output(TRACKD, "--help")))
unknown = [word for word in words if word.startswith("--") and word not in known]
assert not unknown, f"trackd has no {unknown}"
given = dict(zip(words[1::2], words[2::2]))
assert given["--listen"].endswith(":8080") and trackd["ports"] == ["127.0.0.1:8080:8080"], given

# A container of Debian's slim image has what dpkg and apt need; the rest must be installed.
installed = set(re.search(r"install -y --no-install-recommends ([a-z0-9 .+-]+?) [>&]", shell[2]).group(1).split())
slim = {"libc6", "libgcc-s1", "libstdc++6", "zlib1g"}
needed = set(re.findall(r"NEEDED\s+Shared library: \[(.*?)\]|^\s+NEEDED\s+(\S+)", output("objdump", "-p", TRACKD), re.M))
for name in (a or b for a, b in needed):
    path = re.search(rf"^\s*{re.escape(name)} => (\S+)", output("ldd", TRACKD), re.M)
    if not path:
        continue  # the loader itself
    owner = subprocess.run(["dpkg-query", "-S", os.path.realpath(path.group(1))], capture_output=True, text=True).stdout.split(":")[0]
    if owner in ("", *installed, *slim):
        continue  # "": a library that no package brought
    depends = " ".join(output("dpkg-query", "-W", "-f", "${Depends} ", package) for package in installed)
    assert re.search(rf"\b{re.escape(owner)}\b", depends), f"{name} is of {owner}, which the container does not install"

for name, service in services.items():
    for source, target in mounts(service):
        assert source.endswith("/bin/trackd") or os.path.isfile(source), f"{name}: {source} is not there"
assert (trackd["mem_limit"], trackd["memswap_limit"]) == ("512m", "512m")

prometheus = load("prometheus.yml")
output("promtool", "check", "config", os.path.join(FOLDER, "prometheus.yml"))
targets = [t for job in prometheus["scrape_configs"] for s in job["static_configs"] for t in s["targets"]]
assert targets == ["trackd:8080"], targets
alerting = [t for a in prometheus["alerting"]["alertmanagers"] for s in a["static_configs"] for t in s["targets"]]
assert all(target.split(":")[0] in services for target in targets + alerting)
assert given["--alert-to"] == "alertmanager=http://" + alerting[0], given

grafana = dict((target, source) for source, target in mounts(services["grafana"]))
(source,) = load("grafana/datasources.yml")["datasources"]
assert source["type"] == "prometheus" and re.fullmatch(r"http://prometheus:9090", source["url"]), source
(provider,) = load("grafana/dashboards.yml")["providers"]
assert any(target.startswith(provider["options"]["path"] + "/") for target in grafana), "no dashboard where Grafana looks"
assert {target.rsplit("/", 2)[1] for target in grafana if "/provisioning/" in target} == {"datasources", "dashboards"}
print("compose.yml: agrees with trackd, Prometheus and Grafana")
