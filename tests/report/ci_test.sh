#!/usr/bin/env bash
# Runs the step of scripts/ci/action.yml and the script of the GitLab template as their CI systems would: first with a
# stand-in for leakline that writes down its arguments, for the way from a job's inputs to a command line and back; then
# with leakline itself on the reference service, leaking and mended.
# usage: ci_test.sh SOURCE_DIR LEAKLINE
set -euo pipefail
source=$1
leakline=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
cat > leakline <<'EOF'
#!/bin/sh
printf '%s\n' "$@" > arguments
exit "${STAND_IN_EXIT:-0}"
EOF
chmod +x leakline

fail() { echo "FAIL: $1" >&2; exit 1; }
# The inputs of action.yml with their defaults, as environment variables of the step, and the step's own command.
/usr/bin/python3 - "$source/scripts/ci/action.yml" "$source/scripts/ci/leakline.gitlab-ci.yml" > steps.sh <<'EOF'
import re, shlex, sys, yaml
action = yaml.safe_load(open(sys.argv[1]))
given = {"program": "./leakline", "command": "./service --name 'two words'", "traffic": "log.jsonl", "max-growth": "64B/request"}
step = action["runs"]["steps"][0]
print("github() {")
for name, expression in step["env"].items():
    key = re.fullmatch(r"\$\{\{ inputs\.([a-z-]+) \}\}", expression).group(1)
    print(f"  export {name}={shlex.quote(given.get(key, action['inputs'][key]['default']))}")
print(f"  {step['run']}\n}}")
template = yaml.safe_load(open(sys.argv[2]))[".leakline"]
print("gitlab() {")
for name, value in template["variables"].items():
    print(f"  export {name}={shlex.quote(value)}")
print("\n".join("  " + line for line in template["script"]) + "\n}")
EOF

run() { (GITHUB_ACTION_PATH=$source/scripts/ci GITHUB_OUTPUT=$work/github_output; export GITHUB_ACTION_PATH GITHUB_OUTPUT; . ./steps.sh; "$@"); }
run github || fail "a run without a leak fails the step"
grep -qx 'verdict=no_leak' github_output || fail "the step's output has no verdict"
grep -qx 'reports=leakline-report' github_output || fail "the step's output has no folder"
[ "$(tail -n 4 arguments | tr '\n' '|')" = '--|./service|--name|two words|' ] || fail "the command came through as: $(cat arguments)"
for expected in diagnose log.jsonl 64B/request leakline-report/leakline.sarif leakline-report/leakline.junit.xml; do
  grep -qxF -- "$expected" arguments || fail "no $expected in: $(cat arguments)"
done
! grep -qx -- --baseline arguments || fail "an input that was not given became an option"

code=0
STAND_IN_EXIT=1 run github || code=$?
[ $code = 1 ] || fail "a leak ends the step with $code"
grep -qx 'verdict=leak' github_output || fail "the verdict of a leak is not handed on"

cd "$source"
code=0
(. "$work/steps.sh"; export LEAKLINE=$work/leakline STAND_IN_EXIT=3; cd "$work"; mkdir -p scripts; ln -s "$source/scripts/ci" scripts/ci; gitlab) || code=$?
[ $code = 3 ] || fail "an inconclusive run ends GitLab's job with $code"

# The real thing. A repository with nothing but the service's source in it, as a checkout has it.
cd "$work"
mkdir -p checkout/lib
cp -r "$source/lib/service" checkout/lib/
git init -q checkout
cd checkout
trackd=$(dirname "$leakline")/trackd
real() {  # real MODE: the GitHub step on trackd in this mode
  sed -e "s|^  export LEAKLINE=.*|  export LEAKLINE=$leakline|" \
      -e "s|^  export LEAKLINE_COMMAND=.*|  export LEAKLINE_COMMAND='$trackd --mode $1 --listen 127.0.0.1:{port}'|" \
      -e "s|^  export LEAKLINE_TRAFFIC=.*|  export LEAKLINE_TRAFFIC=$work/log.jsonl|" \
      -e "s|^  export LEAKLINE_ARGUMENTS=.*|  export LEAKLINE_ARGUMENTS='--min-round 200ms'|" \
      -e "s|^  export LEAKLINE_ROUNDS=.*|  export LEAKLINE_ROUNDS=|" "$work/steps.sh" > "$work/real.sh"
  (GITHUB_ACTION_PATH=$source/scripts/ci GITHUB_OUTPUT=$work/real_output GITHUB_STEP_SUMMARY=$work/summary GITHUB_ACTIONS=true
   GITHUB_WORKSPACE=$PWD
   export GITHUB_ACTION_PATH GITHUB_OUTPUT GITHUB_STEP_SUMMARY GITHUB_ACTIONS GITHUB_WORKSPACE
   . "$work/real.sh"; github > "$work/out" 2> "$work/annotations")
}
"$leakline" traffic --requests 2000 -q -o "$work/log.jsonl"
code=0
real leaky || code=$?
[ $code = 1 ] || fail "the leaking service ends the step with $code: $(cat "$work/out" "$work/annotations")"
grep -qx 'verdict=leak' "$work/real_output" || fail "no verdict in: $(cat "$work/real_output")"
grep -q '^::error file=lib/service/track_user_behavior.cpp,line=[0-9]*,' "$work/annotations" ||
  fail "the line is not annotated: $(cat "$work/annotations")"
grep -q '^### leakline: LEAK' "$work/summary" || fail "no step summary"
for report in json md html junit.xml sarif codequality.json csv svg prom; do
  [ -s "leakline-report/leakline.$report" ] || fail "no leakline.$report"
done
real bounded || fail "the mended service fails the step: $(cat "$work/out" "$work/annotations")"
grep -qx 'verdict=no_leak' "$work/real_output" || fail "no verdict of the mended service"
echo "ci: ok"
