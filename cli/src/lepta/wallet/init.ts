/** `lepta wallet init`: a wallet's directory, enrolled with its broker. */
import { Wallet } from "@lepta/peer-sdk";
import { accountOptions, brokerOption } from "../account.ts";
import type { Command } from "../command.ts";
import { enrol, enrolledLines } from "../enrol.ts";

export const walletInit: Command = {
  name: "wallet init",
  summary: "makes a wallet",
  help:
    "Makes a wallet in the home directory and enrols it with a broker, whose address is remembered with the pin of its root key.\n" +
    "Where there is a wallet already it stays what it is, and a new address of the same broker is remembered.",
  examples: ["npx lepta wallet init", 'npx lepta wallet init --broker "http://127.0.0.1:8787"'],
  options: [brokerOption, ...accountOptions],
  run: async (context) => {
    const enrolled = await enrol(context, "wallet", Wallet.open);
    return {
      lines: [
        ...enrolledLines("wallet", enrolled),
        "Twelve words bring it back when this machine is lost: see them with lepta wallet backup --show, and write them down.",
        'Next: lepta wallet topup "EUR 5.00"',
      ],
      json: enrolled,
    };
  },
};
