/** The command line, read strictly: what is not understood is answered with the usage. */
import { REASON_LENGTH, type RevocablePurpose, revocablePurposes } from "@lepta/lambdas/operations";
import { parseStrictly, UsageFault } from "../usage.ts";

export const USAGE = `Usage: lepta-admin [--stage NAME | --embedded DIRECTORY] COMMAND

  doctor                              walks the deployment and says what is wrong
  keys list                           the operational keys and epochs
  keys rotate                         makes the keys that are missing or past half of their life
  keys revoke PURPOSE                 ends the key for enrol, decide, acknowledge or seal now, and makes another
  merchant show UID                   how a peer stands with the operator
  merchant freeze UID [--reason TEXT] a frozen peer sells nothing, is paid nothing and moves no money
  merchant unfreeze UID
  books                               counts all money and says whether it balances
  restore TIME                        brings a table that was restored from a backup of that time up to date

  --stage NAME          the deployed stage (or $LEPTA_STAGE); AWS credentials and region as the AWS CLI finds them
  --region NAME         the AWS region, in place of the one that is configured
  --embedded DIRECTORY  the broker of \`npm start\` whose data is there (.lepta/broker) and that runs now
  --yes                 revokes without asking
  --json                one JSON document on standard output
  --help

Exit status: 0 good, 1 something is wrong or failed, 2 the command was not understood.
`;

export type Command =
  | { readonly command: "doctor" | "books" | "keys list" | "keys rotate" }
  | { readonly command: "restore"; readonly backupAt: number }
  | { readonly command: "keys revoke"; readonly purpose: RevocablePurpose; readonly yes: boolean }
  | { readonly command: "merchant show" | "merchant unfreeze"; readonly uid: string }
  | { readonly command: "merchant freeze"; readonly uid: string; readonly reason: string | undefined };

/** Which cloud is meant. */
export type Place =
  | { readonly stage: string; readonly region: string | undefined }
  | { readonly embedded: string };

export interface Options {
  readonly help: false;
  readonly json: boolean;
  readonly place: Place;
  readonly command: Command;
}

/** Reads the arguments. Throws a `UsageFault`. */
export function readOptions(
  args: readonly string[],
  variables: Readonly<Record<string, string | undefined>>,
): Options | { readonly help: true } {
  const { values, positionals } = parsed(args);
  if (values.help) return { help: true };
  const [group = "", verb = "", subject, ...more] = positionals;
  if (more.length > 0) throw new UsageFault(`${more.join(" ")}: nothing was expected here`);
  const command = readCommand(group, verb, subject, values);
  return { help: false, json: values.json, place: readPlace(values, variables), command };
}

/** One UID in 64 begins with a dash, and would be taken for an option. */
const DASHED_UID = /^-[A-Za-z0-9_-]{42}$/;
const NAMED = "uid:";

type Values = ReturnType<typeof parsed>["values"];

function parsed(args: readonly string[]) {
  return parseStrictly({
    args: args.map((each) => (DASHED_UID.test(each) ? NAMED + each : each)),
    allowPositionals: true,
    options: {
      stage: { type: "string" },
      region: { type: "string" },
      embedded: { type: "string" },
      reason: { type: "string" },
      yes: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
}

function readPlace(
  { stage, region, embedded }: Values,
  variables: Readonly<Record<string, string | undefined>>,
): Place {
  if (embedded !== undefined) {
    if (stage !== undefined || region !== undefined)
      throw new UsageFault("--embedded names the whole deployment: leave --stage and --region out");
    return { embedded };
  }
  const named = stage ?? variables.LEPTA_STAGE ?? "";
  if (named === "") throw new UsageFault("say which deployment: --stage NAME, or --embedded DIRECTORY");
  if (!STAGE.test(named)) throw new UsageFault(`--stage ${named} is no name of a stage`);
  return { stage: named, region };
}

/** As the construct names stages. */
const STAGE = /^[a-z][a-z0-9-]{0,19}$/;

function readCommand(group: string, verb: string, subject: string | undefined, values: Values): Command {
  // The time stands where others have their verb.
  const name = verb === "" || group === "restore" ? group : `${group} ${verb}`;
  if (name === "") throw new UsageFault("there is no command");
  if (values.reason !== undefined && name !== "merchant freeze")
    throw new UsageFault("--reason belongs to merchant freeze");
  if (values.yes && name !== "keys revoke") throw new UsageFault("--yes belongs to keys revoke");
  switch (name) {
    case "doctor":
    case "books":
    case "keys list":
    case "keys rotate":
      if (subject !== undefined) throw new UsageFault(`${subject}: nothing was expected after ${name}`);
      return { command: name };
    case "restore":
      if (subject !== undefined) throw new UsageFault(`${subject}: nothing was expected here`);
      return { command: name, backupAt: readTime(verb) };
    case "keys revoke":
      return { command: name, purpose: readPurpose(subject), yes: values.yes };
    case "merchant freeze":
      return { command: name, uid: readUid(subject), reason: readReason(values.reason) };
    case "merchant show":
    case "merchant unfreeze":
      return { command: name, uid: readUid(subject) };
    case "keys":
      throw new UsageFault("say what about the keys: keys list, keys rotate or keys revoke");
    case "merchant":
      throw new UsageFault("say what about it: merchant show, merchant freeze or merchant unfreeze");
    default:
      throw new UsageFault(`${name}: there is no such command`);
  }
}

function readPurpose(text = ""): RevocablePurpose {
  const purpose = revocablePurposes.find((each) => each === text);
  if (purpose === undefined)
    throw new UsageFault(`keys revoke takes one of ${revocablePurposes.join(", ")}, not "${text}"`);
  return purpose;
}

/** A moment as the backup was asked for, in UTC. */
function readTime(text: string): number {
  const at = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?Z$/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(at))
    throw new UsageFault(
      `restore takes the moment that the backup shows, such as 2027-03-01T12:00:00Z, not "${text}"`,
    );
  return at;
}

function readUid(text = ""): string {
  const uid = text.startsWith(NAMED) ? text.slice(NAMED.length) : text;
  if (uid === "") throw new UsageFault("say which peer: a UID of 43 letters, digits, - and _");
  if (!/^[A-Za-z0-9_-]{43}$/.test(uid))
    throw new UsageFault(`"${uid}" is no UID: 43 letters, digits, - and _`);
  return uid;
}

function readReason(text: string | undefined): string | undefined {
  if (text !== undefined && (text === "" || text.length > REASON_LENGTH))
    throw new UsageFault(`--reason takes 1 to ${REASON_LENGTH} characters`);
  return text;
}
