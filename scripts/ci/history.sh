#!/usr/bin/env bash
# The runs of the default branch, one diagnosis a file, in leakline-history-NAME: what a pull request is compared with.
# usage: history.sh fetch             GitHub: the newest artifact of that name of LEAKLINE_BRANCH, with gh; none is no error
#        history.sh keep DIAGNOSIS    adds a run, and removes the oldest beyond LEAKLINE_RUNS (default: 50)
# LEAKLINE_GATE is NAME (default: leakline).
set -euo pipefail

folder=leakline-history-${LEAKLINE_GATE:-leakline}
mkdir -p "$folder"
case ${1:-} in
  fetch)
    # A fork may have a branch of the same name, and its pull request an artifact of the same name.
    id=$(gh api "repos/$GITHUB_REPOSITORY/actions/artifacts?name=$folder&per_page=100" --jq \
      '[.artifacts[] | select((.expired | not) and .workflow_run.head_branch == env.LEAKLINE_BRANCH
        and .workflow_run.head_repository_id == .workflow_run.repository_id)][0].id // empty')
    [ -n "$id" ] || { echo "history: no earlier run of $LEAKLINE_BRANCH"; exit 0; }
    archive=$(mktemp)
    trap 'rm -f "$archive"' EXIT
    gh api "repos/$GITHUB_REPOSITORY/actions/artifacts/$id/zip" >"$archive"
    unzip -q -o "$archive" -d "$folder"
    ;;
  keep)
    commit=${GITHUB_SHA:-${CI_COMMIT_SHA:-unknown}}
    cp "$2" "$folder/$(date -u +%Y%m%dT%H%M%SZ)-${commit:0:12}.json"
    mapfile -t runs < <(printf '%s\n' "$folder"/*.json | sort -r)
    for old in "${runs[@]:${LEAKLINE_RUNS:-50}}"; do rm -- "$old"; done
    ;;
  *)
    sed -n 's/^# usage/usage/p' "$0" >&2
    exit 2
    ;;
esac
