/** compatibility: Paperclip's API lists the models of an adapter. No adapter of this server queries them. */
export const listModels = (): Promise<never[]> => Promise.resolve([])

/** compatibility: Paperclip's API detects the default model of an adapter. No adapter of this server looks for it. */
export const detectModel = (): Promise<null> => Promise.resolve(null)
