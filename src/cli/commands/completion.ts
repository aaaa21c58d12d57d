import { z } from 'zod'
import { command } from '../command.ts'
import type { Command } from '../command.ts'
import { bashCompletion } from '../completion/bash.ts'
import { fishCompletion } from '../completion/fish.ts'
import { zshCompletion } from '../completion/zsh.ts'

const writers = { bash: bashCompletion, zsh: zshCompletion, fish: fishCompletion }

/** @param all the commands to complete, read when the command runs, because it is one of them */
export const completionCommand = (all: () => readonly Command[]): Command =>
  command({
    name: 'completion',
    summary: 'Print the completion of a shell for this command',
    example: [
      'source <(paperclip-server completion bash)',
      'paperclip-server completion zsh > "${fpath[1]}/_paperclip-server"',
      'paperclip-server completion fish > ~/.config/fish/completions/paperclip-server.fish',
    ],
    options: z.object({ shell: z.enum(['bash', 'zsh', 'fish']).describe('the shell') }),
    positionals: ['shell'],
    offline: true,
    run: (_io, { shell }) => {
      const script = writers[shell](all())
      return Promise.resolve({ data: { shell, script }, text: script })
    },
  })
