#!/usr/bin/env bash
# One comment a pull request: found by its mark and renewed, so that a branch of many pushes is not buried in them.
set -uo pipefail

mark='<!-- chimera-compliance -->'
comments="repos/$GITHUB_REPOSITORY/issues/$NUMBER/comments"

body=$(mktemp)
trap 'rm -f "$body"' EXIT
{ echo "$mark"; cat -- "$COMMENT"; } >"$body"

if ! found=$(gh api --paginate --slurp "$comments?per_page=100" | python -c '
import json, sys
pages = json.load(sys.stdin)
mark = sys.argv[1]
print(next((c["id"] for page in pages for c in page if c["user"]["type"] == "Bot" and c["body"].startswith(mark)), ""))
' "$mark"); then
    echo "::warning::the comments of the pull request cannot be read: its workflow lacks pull-requests write, or it comes from a fork"
    exit 0
fi
if [[ -n $found ]]; then
    gh api --silent --method PATCH "repos/$GITHUB_REPOSITORY/issues/comments/$found" --field "body=@$body"
else
    gh api --silent --method POST "$comments" --field "body=@$body"
fi || echo "::warning::no comment could be written: its workflow lacks pull-requests write, or it comes from a fork"
exit 0
