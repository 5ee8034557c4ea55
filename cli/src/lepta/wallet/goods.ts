/** `lepta wallet goods`: what a purchase has bought, again. And how goods are shown, there and when they are bought. */
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import type { Goods } from "@lepta/peer-sdk";
import type { Answer, Command, CommandOption, Context } from "../command.ts";
import { exit, Fault } from "../fault.ts";
import { withWallet } from "../party.ts";
import { plain, plainLines } from "../plain.ts";
import { writeNewFile } from "../private-file.ts";
import { purchaseNamed } from "./purchase-named.ts";

export const outputOption: CommandOption = {
  name: "output",
  short: "o",
  value: "file",
  summary: "writes the goods there; the file must not be there yet",
};

/** Before anything is paid: what cannot be written anywhere is of no use. */
export function outputMustBeFree({ option, cwd }: Context): void {
  const output = option("output");
  if (output === undefined || !existsSync(resolve(cwd, output))) return;
  throw new Fault(
    "file-exists",
    `${plain(output)} is there already; nothing was paid.`,
    "Name another file with -o, or remove this one.",
    exit.usage,
  );
}

export const walletGoods: Command = {
  name: "wallet goods",
  summary: "what a purchase has bought, again",
  help:
    "Hands out once more what was bought; nothing is paid. The purchase's name is in lepta wallet history;\n" +
    "last is the latest. Goods that are no text are not written onto a terminal: give them a file with -o.",
  examples: ["npx lepta wallet goods last"],
  arguments: [{ name: "txn" }],
  options: [outputOption],
  run: (context) =>
    withWallet(context, async (wallet) => {
      const txn = await purchaseNamed(wallet, context.argument("txn") ?? "");
      const bought = await wallet.recall(txn);
      if (bought === undefined)
        throw new Fault("wrong-reference", `No purchase ${txn} has bought anything here.`, SEE_HISTORY);
      const { answer } = await handedOut(context, txn, bought.goods);
      return answer;
    }),
};

const SEE_HISTORY = "lepta wallet history shows the purchases and their names, in the last column.";

/** What is said of goods: themselves on standard output, or that they are in the file that `--output` names. */
export async function handedOut(
  context: Context,
  txn: string,
  goods: Goods,
): Promise<{ readonly answer: Answer }> {
  const { type, bytes } = goods;
  const output = context.option("output");
  const text = asText(bytes);
  if (output !== undefined) {
    const file = resolve(context.cwd, output);
    await writeNewFile(file, bytes);
    return {
      answer: {
        lines: [`${bytes.length} bytes of ${plain(type)} are in ${file}.`],
        json: { txn, goods: { type, bytes: bytes.length, file } },
      },
    };
  }
  const json = {
    txn,
    goods: {
      type,
      bytes: bytes.length,
      ...(text === undefined ? { base64: Buffer.from(bytes).toString("base64") } : { text }),
    },
  };
  // Whoever reads a pipe gets the very bytes; a terminal would obey them.
  if (!context.isTerminal.stdout) return { answer: { lines: [], bytes, json } };
  const lines =
    text === undefined
      ? [
          `${bytes.length} bytes of ${plain(type)}: lepta wallet goods ${txn} -o <file> writes them to a file.`,
        ]
      : [plainLines(text)];
  return { answer: { lines, json } };
}

/** UTF-8; undefined where it is none. */
export function asText(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}
