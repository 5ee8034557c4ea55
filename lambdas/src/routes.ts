/** The route table: what CDK deploys is what the embedded cloud serves. */
import { limits } from "@lepta/protocol";

/** A function of the broker, named after what it can do. */
export type Capability = "keys" | "enrol" | "fund" | "authorise" | "settle" | "notices" | "query";

export interface Route {
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly capability: Capability;
  /** The most bytes that a request's body may have. */
  readonly bodyLimit: number;
}

// What sealing adds to the largest message of a type: headers, padding, what travels beside it.
const SEALED = 8 * 1024;

const post = (path: string, capability: Capability, bodyLimit: number = limits.messageBytes): Route => ({
  method: "POST",
  path,
  capability,
  bodyLimit: bodyLimit + SEALED,
});

export const routes: readonly Route[] = [
  { method: "GET", path: "/keys", capability: "keys", bodyLimit: 0 },
  post("/enrol", "enrol"),
  post("/brokerscrip", "fund"),
  post("/renew", "fund"),
  post("/redeem", "fund"),
  post("/authorise", "authorise"),
  post("/intent", "authorise"),
  post("/refund", "authorise"),
  post("/reversal", "authorise"),
  post("/claim", "authorise"),
  post("/abort", "authorise"),
  post("/notices", "notices", limits.batchBytes),
  post("/query", "query"),
  post("/account", "query"),
  post("/settle", "settle"),
];

/**
 * Which pages may ask the broker: all. Nothing that a browser adds by itself (no cookie, no password) counts for anything here:
 * each request is signed and sealed by a peer, and `GET /keys` is public.
 */
export const crossOrigin = {
  origin: "*",
  methods: ["GET", "POST"],
  headers: ["content-type"],
  /** How long a browser may remember it. */
  maxAgeSeconds: 2 * 60 * 60,
} as const;

/** What runs by the clock. */
export const schedules = [
  { capability: "rotate", everyMinutes: 60 },
  { capability: "finish", everyMinutes: 5 },
  { capability: "reconcile", everyMinutes: 24 * 60 },
] as const;
