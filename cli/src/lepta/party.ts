/** Opening the SDK's wallet or merchant for one command, and closing it however the command ends. */
import { LeptaError, Merchant, type ShopOptions, Wallet } from "@lepta/peer-sdk";
import type { Context } from "./command.ts";
import { exit, Fault } from "./fault.ts";
import { directoryOf, type Remembered, type Role, recall } from "./home.ts";

/** How long the broker may take for the notices of one command, in milliseconds: what it has not got waits in the directory. */
const NOTICES_WITHIN = 2000;

/** Works with the wallet of this home. Throws a `Fault` where there is none. */
export async function withWallet<T>(context: Context, work: (wallet: Wallet) => Promise<T>): Promise<T> {
  const options = await optionsFor(context, "wallet");
  return closing(context, await context.during("Opening the wallet", Wallet.open(options)), work);
}

/** Works with the merchant of this home, who sells nothing unless it is given a catalogue. */
export async function withMerchant<T>(
  context: Context,
  work: (merchant: Merchant) => Promise<T>,
  shop: ShopOptions = { catalogue: {} },
): Promise<T> {
  const options = await optionsFor(context, "merchant");
  const opening = Merchant.open({ ...options, ...shop });
  return closing(context, await context.during("Opening the merchant's directory", opening), work);
}

/** The SDK's options for a role of this home. */
export async function optionsFor(
  { home }: Pick<Context, "home">,
  role: Role,
): Promise<Remembered & { readonly dir: string }> {
  const remembered = await recall(home, role);
  if (remembered !== undefined) return { ...remembered, dir: directoryOf(home, role) };
  throw new Fault(
    `no-${role}`,
    `There is no ${role} in ${home}.`,
    role === "wallet"
      ? "Make one with lepta wallet init, restore one with lepta wallet restore, or say where it is with --home."
      : "Make one with lepta merchant init, or say where it is with --home.",
  );
}

/** Closes in good order, also when the command is interrupted: what is under way then is gone on with at the next opening. */
export async function closing<P extends Wallet | Merchant, T>(
  context: Context,
  party: P,
  work: (party: P) => Promise<T>,
): Promise<T> {
  try {
    const result = await unlessInterrupted(context, work(party));
    await sendNotices(context, party);
    return result;
  } finally {
    await context.during("Closing", party.close());
  }
}

/** Rejects as soon as somebody ends the process; the work itself is then ended by what it works with. */
async function unlessInterrupted<T>({ signal }: Context, work: Promise<T>): Promise<T> {
  let callOff = (): void => {};
  const interrupted = new Promise<never>((_, reject) => {
    const end = (): void =>
      reject(
        new Fault(
          "interrupted",
          "It was interrupted.",
          "Give the same command again: it goes on with what was under way and pays nothing twice.",
          exit.interrupted,
        ),
      );
    if (signal.aborted) end();
    signal.addEventListener("abort", end, { once: true });
    callOff = () => signal.removeEventListener("abort", end);
  });
  try {
    return await Promise.race([work, interrupted]);
  } finally {
    callOff();
  }
}

/** A command is over before notices go out by themselves. */
async function sendNotices({ clock }: Context, party: Wallet | Merchant): Promise<void> {
  let callOff = (): void => {};
  const patience = new Promise<void>((resolve) => {
    callOff = clock.later(NOTICES_WITHIN, resolve);
  });
  const sent = party.flushNotices().catch((error: unknown) => {
    // They wait in the directory for the next command.
    if (!(error instanceof LeptaError)) throw error;
  });
  try {
    await Promise.race([sent, patience]);
  } finally {
    callOff();
  }
}
