/** Every function's factory by its capability: what the embedded cloud runs and CDK deploys. */
import type { Capability } from "../routes.ts";
import type { Wiring } from "../wiring.ts";
import { createAuthorise } from "./authorise.ts";
import { createEnrol } from "./enrol.ts";
import { createFinish } from "./finish.ts";
import type { Factory } from "./function.ts";
import { createFund } from "./fund.ts";
import type { HttpHandler } from "./http.ts";
import { createJournal } from "./journal.ts";
import { createKeys } from "./keys.ts";
import { createNotices } from "./notices.ts";
import { createOperate } from "./operate.ts";
import { createQuery } from "./query.ts";
import { createReconcile } from "./reconcile.ts";
import { createRotate } from "./rotate.ts";
import { createSettle } from "./settle.ts";

export const httpFunctions: Readonly<Record<Capability, Factory<HttpHandler>>> = {
  keys: createKeys,
  enrol: createEnrol,
  fund: createFund,
  authorise: createAuthorise,
  notices: createNotices,
  query: createQuery,
  settle: createSettle,
};

/** All that answer requests, of one deployment: on one wiring, or each on its own. */
export const createHandlers = (
  wiring: Wiring | ((capability: Capability) => Wiring),
): Readonly<Record<Capability, HttpHandler>> => {
  const wiringOf = typeof wiring === "function" ? wiring : () => wiring;
  const entries = Object.entries(httpFunctions) as [Capability, Factory<HttpHandler>][];
  const handlers = entries.map(([capability, create]) => [capability, create(wiringOf(capability))] as const);
  return Object.fromEntries(handlers) as Record<Capability, HttpHandler>;
};

export const scheduledFunctions = {
  rotate: createRotate,
  finish: createFinish,
  reconcile: createReconcile,
} as const;

/** What the table's stream is handed to. */
export const streamFunctions = { journal: createJournal } as const;

/** What only the operator invokes. */
export const operatedFunctions = { operate: createOperate } as const;
