/** The broker's front as a process: the embedded cloud as `npm start` runs it. Every HTTP message in or out is a step. */
import { subscribe } from "node:diagnostics_channel";
import { variable } from "@lepta/lambdas";
import { startEmbeddedCloud } from "@lepta/local";
import { CLAIM_TIME, HOLD_TIME } from "../flows.ts";
import { dieAfter, play, readConfig, step } from "./role.ts";

export interface BrokerConfig {
  readonly dir: string;
  readonly port: number;
}

/** Node's own announcements: requests of peers and answers to them, requests to DynamoDB and KMS and their answers. */
const MESSAGES = [
  "http.server.request.start",
  "http.server.response.finish",
  "http.client.request.start",
  "http.client.response.finish",
];

const config = readConfig<BrokerConfig>();
for (const message of MESSAGES) subscribe(message, step);
dieAfter(config.dieAfter);
const cloud = await startEmbeddedCloud({
  dir: config.dir,
  port: config.port,
  variables: { [variable.holdTime]: String(HOLD_TIME), [variable.claimTime]: String(CLAIM_TIME) },
});
dieAfter(undefined);

play(
  { broker: cloud.pinnedUrl },
  {
    /** What the clock does every few minutes. */
    finish: () => cloud.runSchedules(),
  },
  () => cloud.close(),
);
