/** A process that serves an agent: broker, wallet's directory and configuration are its arguments. */
import { runMcp } from "@lepta/cli/lepta/mcp";
import { agentWallet, type PayingHttp } from "@lepta/cli/lepta/mcp/agent-wallet";
import { readConfiguration } from "@lepta/cli/lepta/mcp/configuration";
import { Wallet } from "@lepta/peer-sdk";

const [broker = "", dir = "", configuration = ""] = process.argv.slice(2);
const limits = readConfiguration(configuration);
const unpaid: PayingHttp = {
  quote: async (request) => {
    const { status, headers } = await fetch(request);
    return { status, location: headers.get("location") ?? undefined };
  },
  fetch: async (request) => ({ response: await fetch(request) }),
};
const stop = new AbortController();
process.once("SIGTERM", () => stop.abort());
const wallet = await Wallet.open({ broker, dir });
await runMcp(await agentWallet(wallet, limits, unpaid), limits, {
  input: process.stdin,
  output: process.stdout,
  signal: stop.signal,
});
await wallet.close();
process.stdin.destroy();
