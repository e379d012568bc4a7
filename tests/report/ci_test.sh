#!/usr/bin/env bash
# Runs the steps of the GitHub action and the script of the GitLab template as their CI systems would: first with a
# stand-in for leakline that writes down its arguments, for the way from a job's inputs to a command line and back; then
# with leakline itself on the reference service, leaking and mended. What uploads is GitHub's own and not run here.
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
if [ "$1" = diagnose ] && [ "${STAND_IN_EXIT:-0}" != 2 ]; then mkdir -p leakline-report && echo '{"schema":1}' > leakline-report/leakline.json; fi
exit "${STAND_IN_EXIT:-0}"
EOF
chmod +x leakline

fail() { echo "FAIL: $1" >&2; exit 1; }
# The inputs of the action with their defaults, as environment variables of each step, and the step's own command.
/usr/bin/python3 - "$source/.github/actions/gate/action.yml" "$source/.gitlab/leakline.yml" > steps.sh <<'EOF'
import re, shlex, sys, yaml
action = yaml.safe_load(open(sys.argv[1]))
given = {"command": "./service --name 'two words'", "traffic": "log.jsonl", "max-growth": "64B/request", "package": "installed",
         "token": "secret-of-the-job"}
def value(expression):
    key = re.fullmatch(r"\$\{\{ inputs\.([a-z0-9-]+) \}\}", expression)
    if key:
        return given.get(key[1], action["inputs"][key[1]]["default"])
    return {"${{ steps.run.outputs.reports }}": "leakline-report", "${{ github.event.repository.default_branch }}": "main"}.get(expression, expression)
for step in action["runs"]["steps"]:
    if "run" in step:
        print(f"github_{step['id']}() {{")
        for name, expression in step.get("env", {}).items():
            print(f"  export {name}={shlex.quote(value(expression))}")
        print(f"  {step['run']}\n}}")
template = yaml.safe_load(open(sys.argv[2]))[".leakline"]
print("gitlab() {")
for name, text in template["variables"].items():
    print(f"  export {name}={shlex.quote(text)}")
print("\n".join("  " + line for line in template["script"]).replace("/usr/libexec/leakline/ci/", '"$GITHUB_ACTION_PATH"/../../../scripts/ci/') + "\n}")
EOF
! command -v shellcheck >/dev/null || shellcheck -s bash -e SC2034,SC2016 steps.sh "$source"/scripts/ci/*.sh || fail "shellcheck"

export GITHUB_ACTION_PATH=$source/.github/actions/gate PATH=$work:$PATH
run() { (GITHUB_OUTPUT=$work/github_output; export GITHUB_OUTPUT; . "$work/steps.sh"; "$@"); }
run github_install || fail "what is installed cannot be installed"
run github_run || fail "a run without a leak fails the step"
grep -qx 'verdict=no_leak' github_output || fail "the step's output has no verdict"
grep -qx 'reports=leakline-report' github_output || fail "the step's output has no folder"
[ "$(tail -n 4 arguments | tr '\n' '|')" = '--|./service|--name|two words|' ] || fail "the command came through as: $(cat arguments)"
for expected in diagnose log.jsonl 64B/request leakline-report/leakline.sarif leakline-report/leakline.junit.xml; do
  grep -qxF -- "$expected" arguments || fail "no $expected in: $(cat arguments)"
done
! grep -qx -- --baseline arguments || fail "an input that was not given became an option"

code=0
STAND_IN_EXIT=1 run github_run || code=$?
[ $code = 1 ] || fail "a leak ends the step with $code"
grep -qx 'verdict=leak' github_output || fail "the verdict of a leak is not handed on"

rm -r leakline-report github_output
code=0
STAND_IN_EXIT=2 run github_run || code=$?
[ $code = 2 ] || fail "a usage error ends the step with $code"
! grep -q '^reports=' github_output || fail "a usage error hands on reports"

run github_comment || fail "the comment's step fails"
[ "$(tr '\n' '|' < arguments)" = 'comment|--gate|leakline|--history|leakline-history-leakline|leakline-report/leakline.json|' ] ||
  fail "the comment's command is: $(cat arguments)"

# The history: an artifact is fetched with gh, a run is added, and the oldest go.
cat > gh <<'EOF'
#!/bin/sh
echo "$@" >> gh_calls
case "$*" in *zip) cat archive.zip ;; *) [ -z "$GH_NONE" ] && echo 17 || true ;; esac
EOF
chmod +x gh
mkdir -p leakline-report packed
echo '{"schema":1}' > leakline-report/leakline.json
for i in $(seq 1 60); do echo "$i" > "packed/20240101T0000$(printf %02d "$i")Z-abc.json"; done
/usr/bin/python3 -c "import shutil; shutil.make_archive('archive', 'zip', 'packed')"
export GITHUB_REPOSITORY=octo/app GITHUB_SHA=0123456789abcdef
GH_NONE=1 run github_earlier | grep -q '^history: no earlier run of main$' || fail "no artifact is an error"
run github_earlier || fail "the history is not fetched"
grep -q '^api repos/octo/app/actions/artifacts/17/zip$' gh_calls || fail "gh was called with: $(cat gh_calls)"
[ "$(find leakline-history-leakline -type f | wc -l)" = 60 ] || fail "the history was not unpacked"
run github_keep || fail "a run cannot be kept"
[ "$(find leakline-history-leakline -type f | wc -l)" = 50 ] || fail "of the history are kept: $(ls leakline-history-leakline)"
ls leakline-history-leakline/2*Z-0123456789ab.json > /dev/null || fail "this run is not in the history"
rm -r leakline-history-leakline leakline-report
unset GITHUB_SHA GITHUB_REPOSITORY

echo package > some.deb
! LEAKLINE_PACKAGE=$work/some.deb LEAKLINE_PACKAGE_SHA256=0000 "$source/scripts/ci/install.sh" 2> /dev/null || fail "a wrong checksum is accepted"

code=0
(export STAND_IN_EXIT=3 GITLAB_TOKEN=secret CI_COMMIT_BRANCH= CI_DEFAULT_BRANCH=main; run gitlab) || code=$?
[ $code = 3 ] || fail "an inconclusive run ends GitLab's job with $code"
grep -qx comment arguments || fail "GitLab's job writes no comment"
rm leakline

# The real thing. A repository with nothing but the service's source in it, as a checkout has it.
cd "$work"
mkdir -p checkout/lib
cp -r "$source/lib/service" checkout/lib/
git init -q checkout
cd checkout
trackd=$(dirname "$leakline")/trackd
real() {  # real MODE: the GitHub step on trackd in this mode
  sed -e "s|^  export LEAKLINE_COMMAND=.*|  export LEAKLINE_COMMAND='$trackd --mode $1 --listen 127.0.0.1:{port}'|" \
      -e "s|^  export LEAKLINE_TRAFFIC=.*|  export LEAKLINE_TRAFFIC=$work/log.jsonl|" \
      -e "s|^  export LEAKLINE_ARGUMENTS=.*|  export LEAKLINE_ARGUMENTS='--min-round 200ms'|" \
      -e "s|^  export LEAKLINE_ROUNDS=.*|  export LEAKLINE_ROUNDS=|" "$work/steps.sh" > "$work/real.sh"
  (GITHUB_OUTPUT=$work/real_output GITHUB_STEP_SUMMARY=$work/summary GITHUB_ACTIONS=true GITHUB_WORKSPACE=$PWD LEAKLINE=$leakline
   export GITHUB_OUTPUT GITHUB_STEP_SUMMARY GITHUB_ACTIONS GITHUB_WORKSPACE LEAKLINE
   . "$work/real.sh"; github_run > "$work/out" 2> "$work/annotations")
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
