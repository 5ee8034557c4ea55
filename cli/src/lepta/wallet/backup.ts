/** `lepta wallet backup`: the twelve words that bring a wallet back, to whoever asks for them by name. */
import { resolve } from "node:path";
import { UsageFault } from "../../usage.ts";
import type { Command } from "../command.ts";
import { withWallet } from "../party.ts";
import { writeNewFile } from "../private-file.ts";

const WARNING = [
  "Whoever has these twelve words has the wallet's money. Write them on paper and keep that where nobody finds it; never give",
  "them to anybody, whatever they say, and never type them anywhere but into lepta wallet restore.",
];

export const walletBackup: Command = {
  name: "wallet backup",
  summary: "the twelve words that bring it back",
  help:
    "Shows the wallet's twelve words with --show, or writes them to a new file that only you can read with -o.\n" +
    `${WARNING.join("\n")}\nThe history is not restored from them.`,
  examples: ["npx lepta wallet backup --show", "npx lepta wallet backup -o words.txt"],
  options: [
    { name: "show", summary: "writes the words onto the screen" },
    {
      name: "output",
      short: "o",
      value: "file",
      summary: "writes them there, mode 0600; the file must not be there yet",
    },
  ],
  run: async (context) => {
    const output = context.option("output");
    if (context.flag("show") === (output !== undefined))
      throw new UsageFault("wallet backup: say where the words shall go: --show on the screen, or -o <file>");
    return withWallet(context, async (wallet) => {
      const phrase = await wallet.recoveryPhrase();
      if (output === undefined)
        return { lines: [phrase], asides: ["", ...WARNING], json: { phrase, warning: WARNING.join(" ") } };
      const file = resolve(context.cwd, output);
      await writeNewFile(file, `${phrase}\n`);
      return {
        lines: [`The twelve words are in ${file}.`, ...WARNING],
        json: { file, warning: WARNING.join(" ") },
      };
    });
  },
};
