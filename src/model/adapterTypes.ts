/** Every type of adapter that an agent may have, in the order of Paperclip's API. */
export const adapterTypes = [
  'process',
  'http',
  'claude_local',
  'codex_local',
  'gemini_local',
  'opencode_local',
  'pi_local',
  'cursor',
  'openclaw_gateway',
  'hermes_local',
] as const
export type AdapterType = (typeof adapterTypes)[number]
