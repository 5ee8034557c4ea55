/** `lepta wallet restore`: a wallet that is lost, from its twelve words. */
import { Wallet } from "@lepta/peer-sdk";
import { brokerOption } from "../account.ts";
import type { Command, Context } from "../command.ts";
import { exit, Fault } from "../fault.ts";
import { brokerFor, directoryOf, isBrokerNamed, pinned, recall, remember } from "../home.ts";
import { closing } from "../party.ts";
import { plain } from "../plain.ts";
import { tableLines } from "../table.ts";

/** Bytes of what may be read as twelve words. */
const MOST = 4096;

export const walletRestore: Command = {
  name: "wallet restore",
  summary: "brings one back from its twelve words",
  help:
    "Reads the twelve words from standard input, or asks for them without showing them; they are never an argument, where other\n" +
    "programs could see them. Brings back what the broker and the merchants hold for the wallet, and says what they do not show;\n" +
    "given again with the same words it asks for that once more, and the exit status is 4 while something is missing.",
  examples: ['npx lepta wallet restore --home other --broker "$LEPTA_BROKER" < words.txt'],
  options: [brokerOption],
  run: async (context) => {
    const { home } = context;
    const before = await recall(home, "wallet");
    const broker = before === undefined || isBrokerNamed(context) ? await brokerFor(context) : before.broker;
    const phrase = await readWords(context);
    const restoring = Wallet.restore({ dir: directoryOf(home, "wallet"), broker, phrase });
    const { wallet, missing } = await context.during("Asking the broker and the merchants", restoring);
    return closing(context, wallet, async () => {
      const address = await pinned(broker);
      await remember(home, "wallet", { ...before, broker: address });
      const { brokerScrip = "nothing", vendorScrip } = await wallet.balance();
      const rows = missing.map(({ merchant = "the broker", txn, code }) => [merchant, txn, code]);
      return {
        lines: [
          `The wallet ${wallet.uid} is in ${directoryOf(home, "wallet")}.`,
          `At the broker: ${brokerScrip}`,
          ...vendorScrip.map(({ merchant, url, amount }) => plain(`At ${url ?? merchant}: ${amount}`)),
          ...(rows.length === 0
            ? []
            : [
                "",
                "Missing; try again later with the same words:",
                ...tableLines(context, ["who", "name", "why"], rows, ""),
              ]),
        ],
        json: { uid: wallet.uid, broker: address, brokerScrip, vendorScrip, missing },
        status: rows.length === 0 ? exit.ok : exit.again,
      };
    });
  },
};

async function readWords({ askSecret, stdin }: Context): Promise<string> {
  const text =
    askSecret === undefined
      ? new TextDecoder().decode(await stdin(MOST))
      : await askSecret("The twelve words: ");
  if (text.trim() !== "") return text;
  throw new Fault(
    "bad-phrase",
    "There were no words.",
    "Type the twelve words, or send them to standard input.",
  );
}
