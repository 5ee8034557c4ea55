/** `lepta merchant init`: a merchant's directory, enrolled with its broker. */
import { Merchant } from "@lepta/peer-sdk";
import { accountOptions, brokerOption } from "../account.ts";
import type { Command } from "../command.ts";
import { enrol, enrolledLines } from "../enrol.ts";

export const merchantInit: Command = {
  name: "merchant init",
  summary: "makes a merchant",
  help:
    "Makes a merchant in the home directory and enrols it with a broker, whose address is remembered with the pin of its root\n" +
    "key. Where there is one already it stays what it is. Keep copies of its directory: what customers hold of it is in there.",
  examples: ["npx lepta merchant init", 'npx lepta merchant init --broker "http://127.0.0.1:8787"'],
  options: [brokerOption, ...accountOptions],
  run: async (context) => {
    const open: Parameters<typeof enrol>[2] = (options) => Merchant.open({ ...options, catalogue: {} });
    const enrolled = await enrol(context, "merchant", open);
    return {
      lines: [...enrolledLines("merchant", enrolled), "Next: lepta merchant serve catalogue.json"],
      json: enrolled,
    };
  },
};
