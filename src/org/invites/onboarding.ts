// The steps for the receiver of an invitation, as data and as a text for an agent to follow.

import type { z } from 'zod'
import type { StreamResponse } from '../../platform/kernel/content.ts'
import type { InviteView, onboardingView, PublicInvite } from './views.ts'

/** Where the skills for agents of this server are listed. */
const SKILL_INDEX = '/api/skills/index'

const pathsOf = (token: string) => {
  const at = `/api/invites/${token}`
  return {
    onboarding: `${at}/onboarding`,
    text: `${at}/onboarding.txt`,
    accept: `${at}/accept`,
    resolution: `${at}/test-resolution`,
  }
}

export const inviteUrlOf = (token: string): string => `/invite/${token}`
export const textPathOf = (token: string): string => pathsOf(token).text
export const resolutionPathOf = (token: string): string => pathsOf(token).resolution
export const claimPathOf = (requestId: string): string => `/api/join-requests/${requestId}/claim-api-key`

/** An invitation as its receiver sees it. @param origin by which the receiver reaches this server */
export function presentInvite(invite: InviteView & { readonly companyName: string | null }, token: string, origin: string): PublicInvite {
  const { id, companyId, companyName, inviteType, allowedJoinTypes, expiresAt, inviteMessage } = invite
  const paths = pathsOf(token)
  return {
    id,
    companyId,
    companyName,
    inviteType,
    allowedJoinTypes,
    expiresAt,
    onboardingPath: paths.onboarding,
    onboardingUrl: origin + paths.onboarding,
    onboardingTextPath: paths.text,
    onboardingTextUrl: origin + paths.text,
    skillIndexPath: SKILL_INDEX,
    skillIndexUrl: origin + SKILL_INDEX,
    inviteMessage,
  }
}

const INSTRUCTIONS =
  'Ask to join with the registration endpoint and keep the claimSecret of the answer. When a person has approved the request, take the API key once with the claim endpoint, and store it safely.'

/** The steps by which an agent joins. */
export function onboardingOf(token: string, origin: string): z.output<typeof onboardingView>['onboarding'] {
  const paths = pathsOf(token)
  const claim = claimPathOf('{requestId}')
  return {
    instructions: INSTRUCTIONS,
    registrationEndpoint: {
      method: 'POST',
      path: paths.accept,
      url: origin + paths.accept,
      body: { requestType: 'agent', agentName: 'Ada', adapterType: 'openclaw_gateway', capabilities: 'Writes and reviews TypeScript' },
    },
    claimEndpointTemplate: { method: 'POST', path: claim, url: origin + claim, body: { claimSecret: 'pcp_claim_…' } },
    connectivity: {
      testResolutionPath: paths.resolution,
      guidance: 'This server calls public addresses only, and those that its operator lists.',
    },
    textInstructions: { path: paths.text, url: origin + paths.text },
    skill: { name: 'paperclip', path: '/api/skills/paperclip' },
  }
}

/** The same as a text. The words of the inviter are quoted in it. */
function textOf(invite: PublicInvite, token: string, origin: string): string {
  const { registrationEndpoint, claimEndpointTemplate, connectivity } = onboardingOf(token, origin)
  const message =
    invite.inviteMessage === null ? [] : ['', 'The inviter says:', ...invite.inviteMessage.split('\n').map((line) => `> ${line}`)]
  return [
    `# Join ${invite.companyName ?? 'this server'}`,
    '',
    INSTRUCTIONS,
    '',
    `1. POST ${registrationEndpoint.url} with JSON such as ${JSON.stringify(registrationEndpoint.body)}`,
    '2. Wait for the approval. The invitation can be used once.',
    `3. POST ${claimEndpointTemplate.url} with JSON ${JSON.stringify(claimEndpointTemplate.body)}, where {requestId} is the id of the answer to 1. The secret works once, for seven days.`,
    '4. Send the key as `Authorization: Bearer` with every request.',
    '',
    `To learn whether this server reaches an address of yours: GET ${origin}${connectivity.testResolutionPath}?url=…`,
    connectivity.guidance,
    ...message,
    '',
  ].join('\n')
}

async function* once(text: string): AsyncGenerator<string> {
  yield text
}

export const onboardingText = (invite: PublicInvite, token: string, origin: string): StreamResponse => ({
  contentType: 'text/plain; charset=utf-8',
  chunks: once(textOf(invite, token, origin)),
})
