// The meaning of each setting, for the document of the configuration, the schema of `config.json` and `config show`. Links are those of a page in `doc/`.

import type { environment } from './config.ts'

/** The name of a setting. */
export type SettingName = keyof (typeof environment)['shape']

export interface SettingText {
  readonly text: string
  /** The behaviour without it; left out where the default is a value. */
  readonly unset?: string
}

export const settingTexts: Readonly<Record<SettingName, SettingText>> = {
  PORT: { text: 'Port of the API; `0` takes a free port' },
  HOST: { unset: '`127.0.0.1`', text: 'Address to listen on' },
  PAPERCLIP_BIND: {
    unset: 'none',
    text: '`loopback`, `lan` (every address of the machine) or `custom` (needs `HOST`): the address to listen on by a name. A `HOST` that contradicts it ends the start',
  },
  PAPERCLIP_DEPLOYMENT_MODE: { text: '`authenticated`: people sign in, and no request is the board without a credential' },
  PAPERCLIP_DEPLOYMENT_EXPOSURE: {
    text: '`public`: the server stands on the internet. It needs `authenticated` and an https `PAPERCLIP_PUBLIC_URL`',
  },
  PAPERCLIP_PUBLIC_URL: {
    unset: 'that of this machine',
    text: 'The address by which people reach the server. With https the cookies are sent over TLS only. Its host is one of the allowed names, and its pages may send changes',
  },
  PAPERCLIP_TRUSTED_PROXIES: {
    unset: 'none',
    text: 'Addresses and subnets of the proxies in front of the server. Their `X-Forwarded-For` says from where people sign in',
  },
  PAPERCLIP_AUTH_DISABLE_SIGN_UP: {
    text: '`true`: an account is made with an invitation only, and each invitation makes one',
  },
  PAPERCLIP_OIDC_ISSUER: {
    unset: 'none',
    text: 'The URL of an OpenID Connect provider at which people may sign in, as the provider names itself. It needs `authenticated`, `PAPERCLIP_OIDC_CLIENT_ID`, and https unless it is on loopback',
  },
  PAPERCLIP_OIDC_CLIENT_ID: {
    unset: 'none',
    text: 'The name of this server at the provider. The redirect URI to register there is the public address with `/api/auth/callback/oidc`',
  },
  PAPERCLIP_OIDC_CLIENT_SECRET: { unset: 'none', text: 'The secret that the provider gave this server. A public client has none' },
  PAPERCLIP_OIDC_ALLOWED_DOMAINS: {
    unset: 'every domain',
    text: 'Domains: only people with a verified address of one of them sign in at the provider',
  },
  BETTER_AUTH_SECRET: {
    unset: 'created once, kept with mode 0600 as `auth-secret` in the home',
    text: 'Signs sessions; at least 32 characters. A list rotates it: the first signs, and all verify. Servers on one database must share it, or they do not start',
  },
  DATABASE_URL: { unset: 'none', text: 'A `postgres://` URL; without it the server runs the embedded Postgres' },
  DATABASE_OWNER_URL: {
    unset: 'none',
    text: 'The login that owns the tables, for migrations; then the login of `DATABASE_URL` needs no rights of its own and gets only what it needs. Without it `DATABASE_URL` does both',
  },
  PAPERCLIP_HOME: { unset: '`~/.paperclip-server`', text: 'Embedded database, secrets that the server creates, its log files' },
  PAPERCLIP_AGENT_JWT_SECRET: {
    unset: 'created once, kept with mode 0600 in the home',
    text: 'Signs run tokens; at least 32 characters. Servers on one database must share it',
  },
  PAPERCLIP_AGENT_JWT_SECRET_PREVIOUS: {
    unset: 'none',
    text: 'The secret before, while it is being replaced: its tokens stay valid and its stored answers readable',
  },
  PAPERCLIP_AGENT_JWT_ALG: {
    text: '`EdDSA` signs run tokens with a key, and `/.well-known/jwks.json` has the public half, with which others verify them ([how it is changed](OPERATIONS.md#run-tokens-that-others-verify))',
  },
  PAPERCLIP_AGENT_JWT_KEYS: {
    unset: 'created once with `EdDSA`, kept with mode 0600 as `agent-jwt-keys` in the home',
    text: 'The keys of `EdDSA`, a private JSON Web Key Set. Servers on one database must share them',
  },
  PAPERCLIP_AGENT_JWT_TTL_SECONDS: { text: 'The longest time for which a run token is valid' },
  PAPERCLIP_AGENT_JWT_ISSUER: { text: '`iss` of run tokens' },
  PAPERCLIP_AGENT_JWT_AUDIENCE: { text: '`aud` of run tokens' },
  PAPERCLIP_ALLOWED_ORIGINS: {
    unset: 'none',
    text: 'Origins of web pages that may send requests with a bearer (CORS); never with a cookie or the account of this machine',
  },
  PAPERCLIP_SECURITY_CONTACT: { unset: 'none', text: 'The contact in `/.well-known/security.txt`: a `mailto:`, `https:` or `tel:` URL' },
  PAPERCLIP_BOARD: {
    text: '`token`: the board needs its token on this machine, too; `implicit`: it does not, or the start ends where that is unsafe; `auto`: as it is safe',
  },
  PAPERCLIP_BOARD_TOKEN: {
    unset: 'created once, kept with mode 0600 as `board-token` in the home',
    text: 'The bearer of the board, from anywhere; at least 32 characters',
  },
  PAPERCLIP_ALLOWED_HOSTNAMES: { unset: 'none', text: 'Host names under which agents elsewhere reach this server; the board stays local' },
  PAPERCLIP_ADAPTERS: {
    unset: 'all',
    text: 'Adapter types that this server may run; an empty value starts no run here, and agents open their own runs',
  },
  PAPERCLIP_ADAPTER_ADDRESSES: {
    unset: 'none',
    text: 'Addresses, subnets or host names that HTTP adapters and webhooks may call although they are not public, webhooks also without https',
  },
  PAPERCLIP_WORKERS: {
    text: 'Processes that serve on the port, for a machine with more than two processors ([workers](OPERATIONS.md#workers)); with more than `1`, one process more starts them, and owns the embedded Postgres',
  },
  PAPERCLIP_MAX_RUNS: { text: 'Runs that this server executes at once' },
  PAPERCLIP_AUDIT_WITNESS_DIR: {
    unset: 'none',
    text: 'A folder, best on another disk or machine, that gets a copy of each line of the audit heads',
  },
  PAPERCLIP_AUDIT_WITNESS_URL: {
    unset: 'none',
    text: 'A URL that gets them by POST, as lines of JSON. A user and a password in it are sent as Basic',
  },
  PAPERCLIP_MAX_CONNECTIONS: {
    text: 'Connections of clients at once; an eighth is kept for people, and one agent has at most 64; fewer where `ulimit -n` is too low',
  },
  PAPERCLIP_UNREAD_MB: {
    text: 'Megabytes of answers that wait for their readers; half is for people, and one agent has at most an eighth',
  },
  PAPERCLIP_KEEP_LOG_DAYS: { text: 'Days for which logs and events of finished runs are kept; `0` keeps them without limit' },
  PAPERCLIP_KEEP_WAKE_DAYS: { text: 'Days for which finished wakes are kept; `0` without limit' },
  PAPERCLIP_KEEP_RUN_DAYS: {
    text: 'Days for which finished runs and their evictions are kept; `0` without limit. Audit rows are always kept',
  },
  PAPERCLIP_AGENT_ISOLATION: {
    text: 'How agents that run here are kept from the server: `account`, `namespace` or `none`; `auto` takes the strongest that works. Another value that does not work ends the start',
  },
  PAPERCLIP_AGENT_USER: {
    unset: 'an account for each agent',
    text: 'Name or number of the account under which agents run when the server is root. Root, an unknown account, the one of the embedded Postgres and 65534, which daemons share, end the start',
  },
  PAPERCLIP_AGENT_PATHS: { unset: 'none', text: 'Files and folders that every isolated agent may use; `:ro` after one makes it read-only' },
  PAPERCLIP_AGENT_OPEN_RUNS: {
    text: 'Live runs that an agent may have opened through the API. For this and the next nine variables `0` is no limit ([what is counted](OPERATIONS.md#quotas))',
  },
  PAPERCLIP_AGENT_WAKES_PER_HOUR: { text: 'Wakes that the requests of an agent may cause in an hour' },
  PAPERCLIP_AGENT_REQUESTS_PER_SECOND: { text: 'Requests of an agent in the long run, for each server' },
  PAPERCLIP_AGENT_REQUEST_BURST: { text: 'Requests of an agent at once, for each server' },
  PAPERCLIP_AGENT_MB_PER_HOUR: { text: 'Megabytes of request bodies of an agent in an hour, for each server' },
  PAPERCLIP_COMPANY_OPEN_RUNS: { text: 'The sum over the agents of a company' },
  PAPERCLIP_COMPANY_WAKES_PER_HOUR: { text: 'The sum over the agents of a company' },
  PAPERCLIP_COMPANY_REQUESTS_PER_SECOND: { text: 'The sum over the agents of a company' },
  PAPERCLIP_COMPANY_REQUEST_BURST: { text: 'The sum over the agents of a company' },
  PAPERCLIP_COMPANY_MB_PER_HOUR: { text: 'The sum over the agents of a company' },
  PAPERCLIP_API_URL: { unset: "the server's own URL", text: 'The URL at which runs reach the API' },
  PAPERCLIP_SECRETS_MASTER_KEY: {
    unset: 'created once, kept with mode 0600 as `secrets-master-key` in the home',
    text: 'The key that opens the [secrets](spec/secrets.md) of companies: 32 bytes as base64 or hexadecimal digits. A list rotates it. Servers on one database must share it; [back it up](OPERATIONS.md#the-master-key-of-secrets)',
  },
  PAPERCLIP_SECRETS_ENV_FILE: { unset: 'none', text: 'A file of lines `NAME=value` from which secrets may take their values' },
  PAPERCLIP_SKILL_FOLDERS: { unset: 'none', text: 'Folders from which the board may import [skills](spec/skills.md)' },
  PAPERCLIP_WORKTREE_FOLDER: {
    unset: 'none',
    text: 'The folder below which this server makes [worktrees](spec/workspaces.md) for runs of projects that ask for them',
  },
  PAPERCLIP_PRICES_FILE: {
    unset: 'none',
    text: 'A JSON file with [prices of models](OPERATIONS.md#prices-of-models), which go before those of the program',
  },
  PAPERCLIP_METRICS_TOKEN: {
    unset: 'none',
    text: 'Bearer (at least 16 characters) with which `/metrics` is read from elsewhere; from this machine no bearer is needed',
  },
  LOG_LEVEL: { text: '`trace` `debug` `info` `warn` `error` `fatal` `silent`' },
  PAPERCLIP_BACKUP_DIR: { unset: '`backups` in the home', text: 'The folder for the backups that this server makes ([backup](BACKUP.md))' },
  PAPERCLIP_BACKUP_RECIPIENT: { unset: 'none', text: 'A public key of age (`age1…`) for which they are encrypted' },
  PAPERCLIP_WAL_ARCHIVE_DIR: {
    unset: 'none',
    text: 'A folder into which the embedded database archives its log, for a restore to a point in time',
  },
  PAPERCLIP_UPGRADE_BACKUP: { text: '`none`: no backup is made before the database is migrated ([upgrade](OPERATIONS.md#upgrade))' },
  PAPERCLIP_LOG_FILE: {
    unset: 'standard output',
    text: 'The file that the log goes to, which SIGHUP opens again ([the log](OPERATIONS.md#the-log))',
  },
  OTEL_EXPORTER_OTLP_ENDPOINT: {
    unset: 'none',
    text: 'The collector of OpenTelemetry that gets [traces](spec/observability.md#traces); `/v1/traces` is appended',
  },
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: { unset: 'none', text: 'The whole address for traces, in its place' },
  OTEL_EXPORTER_OTLP_HEADERS: { unset: 'none', text: 'Headers of each request to the collector, `name=value`, percent-encoded' },
  OTEL_EXPORTER_OTLP_PROTOCOL: { unset: '`http/json`', text: '`http/json` or `http/protobuf`, and JSON is sent for both' },
  OTEL_RESOURCE_ATTRIBUTES: { unset: 'none', text: 'Further facts about the server, `name=value`, percent-encoded' },
  OTEL_SDK_DISABLED: { unset: '`false`', text: '`true`: no traces are collected' },
  OTEL_SERVICE_NAME: { unset: '`paperclip-server`', text: 'The name of the service in traces' },
  OTEL_TRACES_EXPORTER: { unset: '`otlp`', text: '`none`: no traces are collected' },
  OTEL_TRACES_SAMPLER: {
    unset: '`parentbased_always_on`',
    text: '`always_on`, `always_off`, `traceidratio`, or one of them with `parentbased_` before it',
  },
  OTEL_TRACES_SAMPLER_ARG: { unset: '`1`', text: 'The part that a sampler by ratio takes, from 0 to 1' },
}
