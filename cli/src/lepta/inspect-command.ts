/** `lepta inspect` on the command line. */
import { readFile, stat } from "node:fs/promises";
import { resolve } from "node:path";
import { isUid } from "@lepta/protocol";
import { UsageFault } from "../usage.ts";
import type { Command, Context } from "./command.ts";
import { exit, Fault } from "./fault.ts";
import { INPUT_BYTES, inspectInput } from "./inspect.ts";

export const inspect: Command = {
  name: "inspect",
  summary: "any message, scrip, receipt or statement in readable form",
  help:
    "Reads a file, or with - standard input: bytes as they are, or written in hex, base64 or base64url. Shows what they say, and every\n" +
    "check that can be made of them: green with a tick, red with a cross and its reason, or unknown where something is missing that it\n" +
    "needs. It ends with 0 where nothing is wrong, and with 3 where a check is red.",
  examples: [
    "npx lepta wallet receipt last -o receipt.lepta && npx lepta inspect receipt.lepta",
    "npx lepta inspect - < receipt.lepta",
  ],
  arguments: [{ name: "file" }],
  options: [
    { name: "network", value: "thumbprint", summary: "of the broker's root key, as its address pins it" },
  ],
  run: async (context) => {
    const network = context.option("network");
    if (network !== undefined && !isUid(network))
      throw new UsageFault(
        `--network is the thumbprint after the # of a broker's address, not ${JSON.stringify(network)}`,
      );
    const { text, json, isBad } = await inspectInput(await inputOf(context), {
      isColor: context.isColor,
      now: context.clock.now(),
      ...(network === undefined ? {} : { network }),
    });
    return { lines: [text.trimEnd()], json: json as object, status: isBad ? exit.decided : exit.ok };
  },
};

async function inputOf({ argument, cwd, stdin }: Context): Promise<Uint8Array> {
  const name = argument("file") ?? "";
  if (name === "-") return stdin(INPUT_BYTES);
  const file = resolve(cwd, name);
  if ((await stat(file)).size > INPUT_BYTES)
    throw new Fault(
      "too-large",
      `${file} is longer than anything of Lepta's.`,
      "Name another file.",
      exit.usage,
    );
  return readFile(file);
}
