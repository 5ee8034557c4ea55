/** One command from its arguments to its exit status: 0 good, 1 something is wrong or failed, 2 not understood. */
import type { Deployment } from "@lepta/lambdas/deployment";
import { paintFor, type Report } from "../report.ts";
import { UsageFault } from "../usage.ts";
import { showBooks } from "./books.ts";
import { type Cloud, connectCloud, disconnect, loadDeployment } from "./cloud.ts";
import { examine } from "./doctor.ts";
import { doctorReport } from "./doctor-report.ts";
import { sentenceFor } from "./fault.ts";
import { consequence, listKeys, revokeKey, rotateKeys } from "./keys.ts";
import { operateMerchant } from "./merchant.ts";
import { type Command, type Options, type Place, readOptions, USAGE } from "./options.ts";
import { restoreTable } from "./restore.ts";

/** What the process has. */
export interface Terminal {
  readonly variables: Readonly<Record<string, string | undefined>>;
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  readonly isColoured: boolean;
  readonly now: () => number;
  readonly fetch: typeof fetch;
  /** Undefined where nobody is there to answer. */
  readonly ask: ((question: string) => Promise<string>) | undefined;
  /** Makes the clients; the SDK's own unless a test stands between. */
  readonly connect?: typeof connectCloud;
}

/** Runs it and tells the exit status. */
export async function runAdmin(args: readonly string[], terminal: Terminal): Promise<0 | 1 | 2> {
  const { out, err } = terminal;
  const options = understood(args, terminal);
  if (options === undefined) return 2;
  if (options.help) {
    out(USAGE);
    return 0;
  }
  try {
    if (!(await isMeant(options, terminal))) return 2;
    const report = await perform(options, terminal);
    out(options.json ? `${JSON.stringify(report.json, null, 2)}\n` : `${report.lines.join("\n")}\n`);
    return report.good ? 0 : 1;
  } catch (error) {
    const sentence = sentenceFor(error);
    if (options.json) out(`${JSON.stringify({ error: sentence }, null, 2)}\n`);
    else err(`lepta-admin: ${sentence}\n`);
    return 1;
  }
}

function understood(args: readonly string[], { variables, err }: Terminal) {
  try {
    return readOptions(args, variables);
  } catch (error) {
    if (!(error instanceof UsageFault)) throw error;
    err(`lepta-admin: ${error.message}\n\n${USAGE}`);
    return undefined;
  }
}

async function perform({ place, command, json }: Options, terminal: Terminal): Promise<Report> {
  const { connect = connectCloud, isColoured, err } = terminal;
  const paint = paintFor(isColoured && !json);
  const cloud = connect(place);
  try {
    if (command.command === "doctor") return doctorReport(await examine(cloud, terminal), paint);
    const deployment = await loadDeployment(cloud);
    if (command.command === "books")
      return await showBooks(cloud, deployment, paint, (turns) => {
        if (!json) err(`reconcile: ${turns} parts read, not done yet\n`);
      });
    return await operated(cloud, deployment, command);
  } finally {
    disconnect(cloud);
  }
}

function operated(cloud: Cloud, deployment: Deployment, command: Command): Promise<Report> {
  switch (command.command) {
    case "keys rotate":
      return rotateKeys(cloud, deployment);
    case "restore":
      return restoreTable(cloud, deployment, command.backupAt);
    case "keys revoke":
      return revokeKey(cloud, deployment, command.purpose);
    case "merchant show":
      return operateMerchant(cloud, deployment, { operation: "standing", uid: command.uid });
    case "merchant unfreeze":
      return operateMerchant(cloud, deployment, { operation: "unfreeze", uid: command.uid });
    case "merchant freeze": {
      const { uid, reason } = command;
      return operateMerchant(cloud, deployment, {
        operation: "freeze",
        uid,
        ...(reason === undefined ? {} : { reason }),
      });
    }
    default:
      return listKeys(cloud, deployment);
  }
}

/** A revocation cannot be undone: it is asked for twice. */
async function isMeant({ command, place }: Options, { ask, err }: Terminal): Promise<boolean> {
  if (command.command !== "keys revoke" || command.yes) return true;
  const { purpose } = command;
  // The stage may come from the environment, where it is easily another than the one that is meant.
  err(`${nameOf(place)}: ${consequence(purpose)}\n`);
  if (ask === undefined) {
    err("lepta-admin: nobody is there to confirm it: add --yes if it is meant.\n");
    return false;
  }
  const typed = await ask(`Type ${purpose} to revoke it: `);
  if (typed.trim() === purpose) return true;
  err("lepta-admin: nothing was revoked.\n");
  return false;
}

const nameOf = (place: Place): string =>
  "embedded" in place
    ? `The embedded broker in ${place.embedded}`
    : `The stage ${place.stage}${place.region === undefined ? "" : ` in ${place.region}`}`;
