/** What all scenes share: the embedded cloud, one directory that is gone at the end, and everybody who has an account. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type BrokerBooks, brokerBooks } from "@lepta/lambdas";
import { type EmbeddedCloud, type EmbeddedCloudOptions, startEmbeddedCloud } from "@lepta/local";
import { type Merchant, type PeerStore, sqlitePeerStore, type Wallet } from "@lepta/peer-sdk";
import { defaultSuite, type Suite, type SuiteName } from "@lepta/protocol";
import { CURRENCY, type Teller } from "./teller.ts";

/** Somebody in the books. */
export interface Account {
  readonly name: string;
  readonly uid: string;
  readonly store: PeerStore;
  /** Where this peer pays. */
  readonly wallet?: Wallet;
  /** Where this peer sells. */
  readonly merchant?: Merchant;
}

export interface Stage {
  readonly cloud: EmbeddedCloud;
  readonly suite: Suite;
  readonly teller: Teller;
  /** The broker's own books, from every item of its table. */
  brokerBooks(): Promise<BrokerBooks>;
  /** The store of a peer's own directory; it is there again when it is opened again. */
  openStore(name: string): PeerStore;
  /** Enters somebody into the books, or enters the same peer anew. */
  enter(account: Account): void;
  accounts(): readonly Account[];
  accountOf(uid: string): Account;
  /** Runs at the end, the last one first. */
  atEnd(close: () => Promise<void>): void;
  close(): Promise<void>;
}

/** Starts the embedded cloud on a free port, with everything in a temporary directory. */
export async function openStage(
  suiteName: SuiteName,
  teller: Teller,
  bundles?: EmbeddedCloudOptions["bundles"],
): Promise<Stage> {
  const dir = temporaryDirectory();
  const suite = await suiteOf(suiteName);
  const cloud = await startEmbeddedCloud({
    dir: join(dir, "broker"),
    currency: CURRENCY,
    suite: suiteName,
    ...(bundles === undefined ? {} : { bundles }),
  });
  const closers = [() => cloud.close()];
  const accounts = new Map<string, Account>();
  return {
    cloud,
    suite,
    teller,
    brokerBooks: async () => brokerBooks(await cloud.items(), CURRENCY, Date.now()),
    openStore: (name) => sqlitePeerStore(join(dir, name)),
    enter: (account) => accounts.set(account.uid, account),
    accounts: () => [...accounts.values()],
    accountOf: (uid) => {
      const account = accounts.get(uid);
      if (account === undefined) throw new Error("nobody with this UID is in the books");
      return account;
    },
    atEnd: (closer) => closers.push(closer),
    close: async () => {
      for (const closer of closers.splice(0).reverse()) await closer();
    },
  };
}

/** A directory that is gone when this process ends, however it ends. */
function temporaryDirectory(): string {
  const dir = mkdtempSync(join(tmpdir(), "lepta-demo-"));
  process.once("exit", () => rmSync(dir, { recursive: true, force: true }));
  // Without a handler a signal would end the process past the one above.
  process.once("SIGINT", () => process.exit(130));
  process.once("SIGTERM", () => process.exit(143));
  return dir;
}

const suiteOf = async (name: SuiteName): Promise<Suite> =>
  name === "figure-4" ? (await import("@lepta/protocol/suite/figure-4")).figure4Suite : defaultSuite;
