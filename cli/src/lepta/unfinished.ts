/**
 * A command that moves money and does not learn the outcome is given again: by hand, or by a script. The second time must not
 * pay twice, so what is begun is noted before it is, and the note is removed when its outcome was told. Where a note is found,
 * its outcome is looked for first.
 */
import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { HistoryEntry, PendingEntry, Wallet } from "@lepta/peer-sdk";
import { limits } from "@lepta/protocol";
import type { Context } from "./command.ts";
import { exit, Fault } from "./fault.ts";
import { replaceFile } from "./private-file.ts";

interface Note {
  readonly kind: HistoryEntry["kind"];
  /** Milliseconds. */
  readonly at: number;
  /** Its name, where it was given before: no other is the one. */
  readonly txn?: string;
  /** Otherwise: transactions of about that time that there were before. */
  readonly known: readonly string[];
}

type Notes = Readonly<Record<string, Note>>;

/** What is to be done, and how its outcome is recognised. */
export interface Intent<T> {
  readonly kind: HistoryEntry["kind"];
  /** Says all that the user has said of it: the same command is the same intent. */
  readonly what: string;
  /** What has come of it, where this transaction is the one. */
  readonly taken: (entry: HistoryEntry) => Promise<T | undefined>;
  readonly begin: (txn: string) => Promise<T>;
  /** Whether `begin` gives the transaction the name that it is told. */
  readonly isNamed?: boolean;
}

export interface Outcome<T> {
  readonly value: T;
  /** It was begun by an earlier command, and nothing was done now. */
  readonly isEarlier: boolean;
  /** To be called when the outcome was told. */
  readonly told: () => Promise<void>;
}

/** Finishes what an earlier command has begun and not told, or begins it. Throws a `Fault` while that is not known. */
export async function finishOrBegin<T>(
  context: Context,
  wallet: Wallet,
  intent: Intent<T>,
): Promise<Outcome<T>> {
  const key = `${intent.kind} ${intent.what}`;
  const file = join(context.home, "wallet-unfinished.json");
  const notes = await readNotes(file);
  const note = notes[key];
  if (note !== undefined) {
    const found = await earlier(context, wallet, note, intent);
    if (found !== undefined)
      return { value: found.value, isEarlier: true, told: () => endNote(file, key, [found.txn]) };
  }
  const txn = randomBytes(16).toString("base64url");
  const fresh = await newNote(context, wallet, intent, txn);
  await replaceFile(file, JSON.stringify({ ...notes, [key]: fresh }));
  const done = async () => (await since(wallet, fresh)).done.map(({ txn }) => txn);
  try {
    const value = await intent.begin(txn);
    return { value, isEarlier: false, told: async () => endNote(file, key, await done()) };
  } catch (error) {
    const { open } = await since(wallet, fresh);
    if (open.length > 0) throw notKnown(open);
    // Nothing has left, or nothing came of it: the next command begins anew.
    if ((await done()).length === 0) await endNote(file, key, []);
    throw error;
  }
}

/** What has come of a note, or undefined where nothing has: its command ended before anything was sent, or was refused. */
async function earlier<T>(
  context: Context,
  wallet: Wallet,
  note: Note,
  { taken }: Intent<T>,
): Promise<{ readonly value: T; readonly txn: string } | undefined> {
  await context.during("Asking what came of the last try", settled(context, wallet, note));
  const { done, open } = await since(wallet, note);
  for (const entry of done) {
    const value = await taken(entry);
    if (value !== undefined) return { value, txn: entry.txn };
  }
  if (open.length > 0) throw notKnown(open);
  return undefined;
}

/** Resolves when nothing of the note is open any more, or after a while. */
async function settled({ clock }: Context, wallet: Wallet, note: Note): Promise<void> {
  await wallet.resume();
  for (let turn = 0; turn < LOOKS && (await since(wallet, note)).open.length > 0; turn += 1)
    await new Promise<void>((resolve) => void clock.later(LOOK_EVERY, resolve));
}

/** Answers that the resumption has asked for come a moment later. */
const LOOKS = 20;
/** Milliseconds. */
const LOOK_EVERY = 100;

interface Since {
  readonly done: readonly HistoryEntry[];
  readonly open: readonly PendingEntry[];
}

async function since(wallet: Wallet, { kind, at, txn, known }: Note): Promise<Since> {
  const before = new Set(known);
  const isOf = (entry: PendingEntry): boolean =>
    txn === undefined
      ? entry.kind === kind && entry.at >= at - limits.clockSkew && !before.has(entry.txn)
      : entry.txn === txn;
  return {
    done: (await wallet.history()).filter((entry) => isOf(entry) && entry.outcome === "done"),
    open: (await wallet.pending()).filter(isOf),
  };
}

async function newNote<T>(
  { clock }: Context,
  wallet: Wallet,
  { kind, isNamed }: Intent<T>,
  txn: string,
): Promise<Note> {
  const at = clock.now();
  if (isNamed === true) return { kind, at, txn, known: [] };
  const { done, open } = await since(wallet, { kind, at, known: [] });
  return { kind, at, known: [...done, ...open].map((each) => each.txn) };
}

const notKnown = (open: readonly PendingEntry[]): Fault =>
  new Fault(
    "pending",
    `It is under way, and its outcome is not known yet: ${open.map(({ kind, amount, txn }) => `${kind} ${txn}, ${amount}`).join("; ")}.`,
    "Give the same command again in a while: it asks what came of this and pays nothing twice. lepta wallet pending asks, too.",
    exit.again,
  );

async function readNotes(file: string): Promise<Notes> {
  try {
    return JSON.parse(await readFile(file, "utf8")) as Notes;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return {};
    if (!(error instanceof SyntaxError)) throw error;
    // Beginning anew might pay twice.
    throw new Fault(
      "home-damaged",
      `${file} cannot be read: it says what the last commands have begun.`,
      "See with lepta wallet pending and lepta wallet history what came of them, then remove the file.",
    );
  }
}

/** Removes a note; what was told is the outcome of no other. */
async function endNote(file: string, key: string, told: readonly string[]): Promise<void> {
  const { [key]: ended, ...others } = await readNotes(file);
  const left = Object.entries(others).map(([each, note]): [string, Note] => [
    each,
    note.kind === ended?.kind ? { ...note, known: [...note.known, ...told] } : note,
  ]);
  await replaceFile(file, JSON.stringify(Object.fromEntries(left)));
}
