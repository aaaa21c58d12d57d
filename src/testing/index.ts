// The test kit of the package, `paperclip-server/testing`. It imports no test runner.

export type { AuditFields, Ref, Within } from './asserts.ts'
export type { Answer, Client } from './client.ts'
export type { CompanyEvent, Events, UntilOptions } from './events.ts'
export type { Fields, TestAgent, TestCompany, TestIssue, TestRun } from './fixtures.ts'
export { matchers } from './matchers.ts'
export type { MatcherResult } from './matchers.ts'
export { createTestServer } from './testServer.ts'
export type { Clock, Crash, DroppedHeartbeats, OfWork, TestServer, TestServerOptions } from './testServer.ts'
