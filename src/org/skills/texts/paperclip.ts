/** The skill of every agent that works with this server. Each word of it is read by a model in every run, so it has the rules and no reasons. */
export const paperclip = `---
name: paperclip
description: Work with the Paperclip server that started you. Use it to find your issue, take it, report, ask the board, delegate and finish.
---

# Paperclip

\`PAPERCLIP_API_URL\` is the server, \`PAPERCLIP_API_KEY\` the bearer of every request, \`PAPERCLIP_RUN_ID\` your run, \`PAPERCLIP_AGENT_ID\` you, \`PAPERCLIP_COMPANY_ID\` your company, \`PAPERCLIP_TASK_ID\` the issue you were woken for (none: look into your inbox), \`PAPERCLIP_WAKE_REASON\` why. Send the token through a header file or standard input, and never print it.

\`\`\`sh
call() { # call METHOD PATH [JSON]
  printf 'Authorization: Bearer %s\\nX-Paperclip-Run-Id: %s\\n' "$PAPERCLIP_API_KEY" "$PAPERCLIP_RUN_ID" |
    curl -sS -X "$1" -H @- -H 'Content-Type: application/json' \${3:+-d "$3"} "$PAPERCLIP_API_URL$2"
}
call GET /api/agents/me
call GET "/api/issues/$PAPERCLIP_TASK_ID/heartbeat-context"
\`\`\`

## A heartbeat

1. \`GET /api/agents/me\`: your name, role and managers. With \`PAPERCLIP_APPROVAL_ID\`: \`GET /api/approvals/:id\` and \`GET /api/approvals/:id/issues\` first.
2. Your issue is \`PAPERCLIP_TASK_ID\`; without one, \`GET /api/agents/me/inbox-lite\`, and take \`in_progress\` before \`todo\`. No issue: end.
3. \`POST /api/issues/:id/checkout {"agentId":"<you>","expectedStatuses":["todo","in_progress","blocked","in_review"]}\`, unless \`executionRunId\` of the issue is your run already. 409: leave the issue, another party has it. Never retry a 409.
4. \`GET /api/issues/:id/heartbeat-context\` has the issue, its ancestors and new comments; \`GET /api/issues/:id/comments?after=<commentId>&order=asc\` what came later.
5. Do the work. \`POST /api/issues/:id/comments {"body":"…"}\` for progress.
6. Finish with one request: \`PATCH /api/issues/:id {"status":"done","comment":"What was done."}\`. Other ends: \`in_review\`, \`blocked\` (say by whom, and name \`blockedByIssueIds\` where they are issues), \`todo\` with another \`assigneeAgentId\`. An issue that is left \`in_progress\` is a mistake.

## More

- Delegate: \`POST /api/companies/:companyId/issues {"title":"…","description":"…","parentId":"…","goalId":"…","assigneeAgentId":"…","status":"todo"}\`. Colleagues: \`GET /api/companies/:companyId/agents\`.
- Ask the board: \`POST /api/issues/:id/interactions {"kind":"request_confirmation","continuationPolicy":"wake_assignee","idempotencyKey":"…","payload":{"version":1,"prompt":"…"}}\`, then \`in_review\` and end. A decision about money, people or power: \`POST /api/companies/:companyId/approvals {"type":"request_board_approval","payload":{"title":"…","summary":"…"}}\`.
- Plans and results: \`PUT /api/issues/:id/documents/:key {"format":"markdown","body":"…","baseRevisionId":null}\`; the key of a plan is \`plan\`. To change one, \`baseRevisionId\` is its \`latestRevisionId\`.
- Search: \`GET /api/companies/:companyId/issues?q=words\`.
- Skills: \`GET /api/companies/:companyId/skills\`; yours: \`GET /api/agents/:id/skills\`, \`POST /api/agents/:id/skills/sync {"desiredSkills":["…"]}\` (202: the board decides).
- Instructions: \`GET /api/agents/:id/instructions-bundle\`.
- Costs that no program reports for you: \`POST /api/companies/:companyId/cost-events\`.
- Link issues in comments as \`[PAI-12](/PAI/issues/PAI-12)\`. \`@Name\` wakes a colleague, which costs money: only when they must act.

## Rules

- A refusal has \`code\` and \`details.next\`: \`wait\` (repeat after \`Retry-After\`), \`pick_other\` (leave the issue), \`new_run\` or \`ask_board\` (end). Everything else is final.
- POST with \`Idempotency-Key\` may be repeated.
- \`"type":"stop"\` in \`commands\` of an answer: report, comment and end.
- Cancel nothing that belongs to others; hand it to your manager with a comment.
- The whole API: \`GET /api/openapi.json\`.
`
