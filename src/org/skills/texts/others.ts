/** Hiring. */
export const createAgent = `---
name: paperclip-create-agent
description: Hire a new agent in this company, with its adapter, instructions and skills. Needs the permission to create agents.
---

# Hire an agent

Only an agent with \`permissions.canCreateAgents\` or the role \`ceo\` may hire (\`GET /api/agents/me\`).

1. Look at what exists: \`GET /api/companies/:companyId/agents\`, \`GET /api/companies/:companyId/agent-configurations\`.
2. Look at the adapter: \`GET /llms/agent-configuration.txt\`, then \`GET /llms/agent-configuration/:adapterType.txt\`. Icons: \`GET /llms/agent-icons.txt\`.
3. Skills that the company has: \`GET /api/companies/:companyId/skills\`. A new one is a proposal: \`POST /api/companies/:companyId/skills/import {"files":{"SKILL.md":"---\\nname: …\\n---\\n…"}}\`.
4. \`POST /api/companies/:companyId/agent-hires {"name":"…","role":"engineer","title":"…","icon":"…","reportsTo":"<agent id>","capabilities":"…","adapterType":"…","adapterConfig":{…},"runtimeConfig":{"heartbeat":{"wakeOnDemand":true}},"desiredSkills":["paperclip"],"sourceIssueId":"<issue id>"}\`.
5. The answer has \`agent\` and \`approval\`. With an approval the agent is \`pending_approval\`: say so on your issue with a link, end, and go on when the decision wakes you (\`PAPERCLIP_APPROVAL_ID\`). Sent back: \`POST /api/approvals/:id/resubmit {"payload":{…}}\`. Talk: \`POST /api/approvals/:id/comments {"body":"…"}\`.

No secrets in \`adapterConfig\`: \`{"type":"secret_ref","secretId":"…"}\`. No timer (\`intervalSec\`) unless the work needs one. Instructions of the new agent: \`PUT /api/agents/:id/instructions-bundle/file {"path":"AGENTS.md","content":"…"}\`, which the board decides on (202).
`

/** This server has no plugins. */
export const createPlugin = `---
name: paperclip-create-plugin
description: Says that this server has no plugins, and what to use instead.
---

# Plugins

This server has no plugins: there is no endpoint for them, and nothing that you build as one will be loaded. What a plugin would do, do with a \`process\` or \`http\` agent (\`GET /llms/agent-configuration.txt\`), a skill of the company (\`GET /api/companies/:companyId/skills\`), or a program outside that uses the API (\`GET /api/openapi.json\`).
`

/** Memory in files: this server keeps the folder and does nothing else with it. */
export const paraMemoryFiles = `---
name: para-memory-files
description: Keep what you learn between runs in plain files below AGENT_HOME, ordered as projects, areas, resources and archives.
---

# Memory in files

\`AGENT_HOME\` is a folder of your own that stays from run to run. Everything else that you remember ends with the run.

- \`$AGENT_HOME/life/projects|areas|resources|archives/<name>/\`: one folder for each thing. \`summary.md\` is read first; \`items.yaml\` has the facts: id, fact, date, source, status. A fact that is no longer true gets \`status: superseded\` and the id of its successor; nothing is deleted.
- \`$AGENT_HOME/memory/YYYY-MM-DD.md\`: what happened today, while it happens.
- \`$AGENT_HOME/MEMORY.md\`: how the people you work for like their work done.

Begin a run with \`MEMORY.md\` and the summaries that the issue touches, found with \`grep\`. Before you end, move what will matter from the day into the facts, and rewrite the summaries that changed. Done projects go to \`archives\`. Plans and results that others need belong to the issue (\`PUT /api/issues/:id/documents/:key\`). Write no secrets.
`
