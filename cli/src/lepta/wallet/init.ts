/** `lepta wallet init`: a wallet's directory, enrolled with its broker. */
import { Wallet } from "@lepta/peer-sdk";
import { accountOf, accountOptions, brokerOption } from "../account.ts";
import type { Command } from "../command.ts";
import { brokerFor, directoryOf, pinned, recall, remember } from "../home.ts";
import { closing } from "../party.ts";

export const walletInit: Command = {
  name: "wallet init",
  summary: "makes a wallet",
  help:
    "Makes a wallet in the home directory and enrols it with a broker, whose address is remembered with the pin of its root key.\n" +
    "Where there is a wallet already it stays what it is, and a new address of the same broker is remembered.",
  examples: ["npx lepta wallet init", 'npx lepta wallet init --broker "http://127.0.0.1:8787"'],
  options: [brokerOption, ...accountOptions],
  run: async (context) => {
    const { home } = context;
    const before = await recall(home, "wallet");
    const isNew = before === undefined;
    const { option, env } = context;
    const isBrokerNamed = (option("broker") ?? env.LEPTA_BROKER ?? "") !== "";
    const broker = isNew || isBrokerNamed ? await brokerFor(context) : before.broker;
    const account = { ...before, ...accountOf(context) };
    const opening = Wallet.open({ ...account, dir: directoryOf(home, "wallet"), broker });
    return closing(context, await context.during("Enrolling with the broker", opening), async (wallet) => {
      const address = await pinned(broker);
      await remember(home, "wallet", { ...account, broker: address });
      const { brokerScrip } = await wallet.balance();
      return {
        lines: [
          `${isNew ? "A wallet was made in" : "The wallet is in"} ${directoryOf(home, "wallet")}.`,
          `  name    ${wallet.uid}`,
          `  broker  ${address}`,
          "",
          "Twelve words bring it back when this machine is lost: see them with lepta wallet backup --show, and write them down.",
          ...(brokerScrip === undefined ? ['Next: lepta wallet topup "EUR 5.00"'] : []),
        ],
        json: { uid: wallet.uid, directory: directoryOf(home, "wallet"), broker: address, isNew },
      };
    });
  },
};
