/** The broker, for those who run it: the embedded cloud, the deployment and the tests. */
export { unmarshal } from "./aws/dynamodb-store.ts";
export * from "./broker/books.ts";
export * from "./broker/items.ts";
export { type Finding, type FindingName, findingNames } from "./broker/reconcile/findings.ts";
export { startEpoch } from "./custody/epochs.ts";
export { revokeKeys } from "./custody/revoke.ts";
export { rotateKeys } from "./custody/rotate.ts";
export { type Deployment, readDeployment } from "./deployment.ts";
export {
  type Environment,
  readEnvironment,
  type Settings,
  type Variables,
  variable,
  variablesOf,
} from "./environment.ts";
export {
  type FunctionDefinition,
  type FunctionName,
  functions,
  type Partition,
  type TableRights,
} from "./functions.ts";
export { errorResponse, type HttpHandler, KEYS_MEDIA_TYPE, SEALED_MEDIA_TYPE } from "./handlers/http.ts";
export {
  createHandlers,
  httpFunctions,
  operatedFunctions,
  scheduledFunctions,
  streamFunctions,
} from "./handlers/index.ts";
export { openJournal } from "./handlers/journal.ts";
export { type Replayed, replay } from "./journal/replay.ts";
export { RESTORE_MARGIN, type Restored, restore } from "./journal/restore.ts";
export { metric, metricNamespace, type Stage, stages } from "./metrics.ts";
export * from "./operations.ts";
export type { Journal, JournalBatch, JournalRecord } from "./ports/journal.ts";
export type { LogEntry, Observer } from "./ports/observer.ts";
export { type Runtime, systemRuntime } from "./ports/runtime.ts";
export type { Attribute, Item, Key, Store, Write } from "./ports/store.ts";
export { deploymentParameter, keyAlias, keyDefinitions, tableDefinition } from "./resources.ts";
export { type Capability, crossOrigin, type Route, routes, schedules } from "./routes.ts";
export { brokerFor, type Clients, rotationOf, standIn, type Wiring, wire } from "./wiring.ts";
