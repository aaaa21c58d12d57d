interface BannerFacts {
  readonly url: string
  /** What serves as database, in words; never the URL, which may hold a password. */
  readonly database: string
  readonly home: string
  readonly version: string
}

/** What a person at a terminal wants to know once the server listens. */
export const banner = ({ url, database, home, version }: BannerFacts): string => `
  paperclip-server ${version}

  API       ${url}/api
  Document  ${url}/api/docs
  Database  ${database}
  Home      ${home}

`
