/** `lepta dev` on the command line. */
import { numberOf } from "../amount.ts";
import type { Command, Context } from "../command.ts";

export const dev: Command = {
  name: "dev",
  summary: "a broker, a sample merchant, a funded wallet and a page on them",
  help:
    "Starts all of Lepta on this machine, with play money: the embedded broker, a newspaper that sells its stories, a wallet that\n" +
    "holds EUR 5.00, and a page on which a browser's own wallet buys, and every message is seen. No account, no configuration; Ctrl-C\n" +
    "ends it, and everything is kept for the next time.",
  examples: ["npx lepta dev", "npx lepta dev --no-open --port 9000"],
  options: [
    { name: "port", value: "number", summary: "of the page (8789)" },
    { name: "broker-port", value: "number", summary: "of the broker (8787)" },
    { name: "merchant-port", value: "number", summary: "of the newspaper (8788)" },
    { name: "site-port", value: "number", summary: "of the site that is paid over HTTP (8786)" },
    { name: "no-open", summary: "does not open the page" },
  ],
  run: async (context) => {
    const { home, flag, signal, json } = context;
    // Broker and bundler are much to load, and no other command needs them.
    const { startDev } = await import("../dev.ts");
    const said: string[] = [];
    const started = await context.during(
      "Starting",
      startDev({
        dir: home,
        ...portOf(context, "port", "port"),
        ...portOf(context, "broker-port", "brokerPort"),
        ...portOf(context, "merchant-port", "merchantPort"),
        ...portOf(context, "site-port", "sitePort"),
        open: !flag("no-open") && !json,
        print: (line) => said.push(line),
        signal,
      }),
    );
    const { broker, merchant, page, site, closed } = started;
    await context.tell({ lines: said, json: { broker, merchant, page, site } });
    said.length = 0;
    await closed;
    return undefined;
  },
};

function portOf({ option }: Context, name: string, as: "port" | "brokerPort" | "merchantPort" | "sitePort") {
  const text = option(name);
  return text === undefined ? {} : { [as]: numberOf(`--${name}`, text, 0, 65_535) };
}
