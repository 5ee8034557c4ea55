/** `lepta mcp` on the command line. */
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { formatAmount, type Wallet } from "@lepta/peer-sdk";
import type { Command } from "../command.ts";
import { exit, Fault } from "../fault.ts";
import { withWallet } from "../party.ts";
import { AGENT_BUDGET, agentWallet, type PayingHttp } from "./agent-wallet.ts";
import { type AgentConfiguration, ConfigurationFault, readConfiguration } from "./configuration.ts";

export const mcp: Command = {
  name: "mcp",
  summary: "serves the wallet to an agent, within limits",
  help:
    "Speaks the Model Context Protocol on standard input and output, for programs that start it: the tools quote, pay, balance and\n" +
    "receipts. What may be spent, and where, stands in the configuration and nowhere else:\n\n" +
    '  { "max": "EUR 0.05", "perDay": "EUR 1.00", "hosts": ["news.example.org"], "merchants": ["wss://news.example.org/pay"] }\n\n' +
    "Keep that file where the agent cannot write. What is not listed is refused. docs/agents.md says more.",
  examples: ["npx lepta mcp --config agent.json"],
  options: [{ name: "config", value: "file", summary: "what may be spent, and where", isRequired: true }],
  run: async (context) => {
    const { option, cwd, signal, stderr } = context;
    const configuration = await configurationIn(resolve(cwd, option("config") ?? ""));
    // Only this command needs the protocol's library.
    const { runMcp } = await import("../mcp.ts");
    // To be stopped is how it ends well.
    const patient = { ...context, signal: new AbortController().signal };
    return withWallet(patient, async (wallet) => {
      await runMcp(await agentWallet(wallet, configuration, httpOf(wallet, configuration)), configuration, {
        input: process.stdin,
        output: process.stdout,
        signal,
        onFault: (name) => {
          stderr(`lepta: a fault of ours: ${name}\n`).catch(() => undefined);
        },
      });
      process.stdin.destroy();
      return undefined;
    });
  },
};

/** Pages over HTTP, within the same budget as everything else. */
export function httpOf(wallet: Wallet, { max, perDay, hosts }: AgentConfiguration): PayingHttp {
  const payer = wallet.payer({
    max: formatAmount(max),
    perDay: formatAmount(perDay),
    hosts,
    budget: AGENT_BUDGET,
  });
  return {
    fetch: (request) => payer.fetch(request),
    quote: async (request) => {
      const { status, location, price, realm, description } = await payer.quote(request);
      return {
        status,
        location,
        ...(price === undefined ? {} : { price }),
        ...(realm === undefined ? {} : { seller: realm }),
        ...(description === undefined ? {} : { description }),
      };
    },
  };
}

async function configurationIn(file: string): Promise<AgentConfiguration> {
  const json = await readFile(file, "utf8");
  try {
    return readConfiguration(json);
  } catch (error) {
    if (!(error instanceof ConfigurationFault)) throw error;
    throw new Fault(
      "bad-configuration",
      `${file}: ${error.faults.join("; ")}`,
      "Mend the file; lepta mcp --help shows what is in it.",
      exit.usage,
    );
  }
}
