/** Names of icons that clients with pictures draw; all of them are names of Lucide. This server keeps the text and draws none. */
export const agentIcons = [
  'bot', 'brain', 'briefcase', 'bug', 'calculator', 'clipboard', 'code', 'compass', 'crown', 'database', 'eye', 'file-text', 'flask-conical',
  'gem', 'globe', 'hammer', 'heart', 'key', 'lightbulb', 'mail', 'megaphone', 'message-square', 'palette', 'pen', 'rocket', 'scale', 'search',
  'shield', 'sparkles', 'star', 'target', 'terminal', 'user', 'wrench', 'zap',
] as const
