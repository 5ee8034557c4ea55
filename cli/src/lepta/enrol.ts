/** The beginning of a wallet and of a merchant: a directory, enrolled with a broker whose pinned address is remembered. */
import type { Merchant, PartyOptions, Wallet } from "@lepta/peer-sdk";
import { accountOf } from "./account.ts";
import type { Context } from "./command.ts";
import { brokerFor, directoryOf, isBrokerNamed, pinned, type Role, recall, remember } from "./home.ts";
import { closing } from "./party.ts";

export interface Enrolled {
  readonly uid: string;
  readonly directory: string;
  /** With the pin. */
  readonly broker: string;
  /** False where it was there before; it stays what it is. */
  readonly isNew: boolean;
}

/** Opens it, and remembers the broker once that has taken it: where it dies before, the same command goes on. */
export async function enrol(
  context: Context,
  role: Role,
  open: (options: PartyOptions & { readonly dir: string }) => Promise<Wallet | Merchant>,
): Promise<Enrolled> {
  const { home } = context;
  const before = await recall(home, role);
  const isNew = before === undefined;
  const broker = isNew || isBrokerNamed(context) ? await brokerFor(context) : before.broker;
  const account = { ...before, ...accountOf(context) };
  const directory = directoryOf(home, role);
  const opening = open({ ...account, dir: directory, broker });
  return closing(context, await context.during("Enrolling with the broker", opening), async ({ uid }) => {
    const address = await pinned(broker);
    await remember(home, role, { ...account, broker: address });
    return { uid, directory, broker: address, isNew };
  });
}

/** What is said of it. */
export const enrolledLines = (role: Role, { uid, directory, broker, isNew }: Enrolled): readonly string[] => [
  `${isNew ? `A ${role} was made in` : `The ${role} is in`} ${directory}.`,
  `  name    ${uid}`,
  `  broker  ${broker}`,
  "",
];
