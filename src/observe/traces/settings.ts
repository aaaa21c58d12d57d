export const samplerNames = [
  'always_on',
  'always_off',
  'traceidratio',
  'parentbased_always_on',
  'parentbased_always_off',
  'parentbased_traceidratio',
] as const
export type SamplerName = (typeof samplerNames)[number]

/** Where traces go, and which of them. */
export interface TraceSettings {
  /** The address that takes them, with its path. */
  readonly url: string
  /** Headers of each request to it, which may have a credential. */
  readonly headers: Readonly<Record<string, string>>
  readonly serviceName: string
  /** Further facts about this server. */
  readonly attributes: Readonly<Record<string, string>>
  readonly sampler: SamplerName
  /** The part of the traces that a sampler by ratio takes, from 0 to 1. */
  readonly ratio: number
}
