interface BannerFacts {
  readonly url: string
  /** A description of the database. Never its URL, which may contain a password. */
  readonly database: string
  readonly home: string
  readonly version: string
}

/** Returns the text for a person at a terminal when the server listens. */
export const banner = ({ url, database, home, version }: BannerFacts): string => `
  paperclip-server ${version}

  API       ${url}/api
  Document  ${url}/api/docs
  Database  ${database}
  Home      ${home}

`
