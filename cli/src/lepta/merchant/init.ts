/** `lepta merchant init`: a merchant's directory, enrolled with its broker. */
import { Merchant } from "@lepta/peer-sdk";
import { accountOf, accountOptions, brokerOption } from "../account.ts";
import type { Command } from "../command.ts";
import { brokerFor, directoryOf, pinned, recall, remember } from "../home.ts";
import { closing } from "../party.ts";

export const merchantInit: Command = {
  name: "merchant init",
  summary: "makes a merchant",
  help:
    "Makes a merchant in the home directory and enrols it with a broker, whose address is remembered with the pin of its root\n" +
    "key. Where there is one already it stays what it is. Keep copies of its directory: what customers hold of it is in there.",
  examples: ["npx lepta merchant init", 'npx lepta merchant init --broker "http://127.0.0.1:8787"'],
  options: [brokerOption, ...accountOptions],
  run: async (context) => {
    const { home, option, env } = context;
    const before = await recall(home, "merchant");
    const isNew = before === undefined;
    const isBrokerNamed = (option("broker") ?? env.LEPTA_BROKER ?? "") !== "";
    const broker = isNew || isBrokerNamed ? await brokerFor(context) : before.broker;
    const account = { ...before, ...accountOf(context) };
    const dir = directoryOf(home, "merchant");
    const opening = Merchant.open({ ...account, dir, broker, catalogue: {} });
    return closing(context, await context.during("Enrolling with the broker", opening), async ({ uid }) => {
      const address = await pinned(broker);
      await remember(home, "merchant", { ...account, broker: address });
      return {
        lines: [
          `${isNew ? "A merchant was made in" : "The merchant is in"} ${dir}.`,
          `  name    ${uid}`,
          `  broker  ${address}`,
          "",
          "Next: lepta merchant serve catalogue.json",
        ],
        json: { uid, directory: dir, broker: address, isNew },
      };
    });
  },
};
