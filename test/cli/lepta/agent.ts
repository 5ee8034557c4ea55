/** An agent's server over a wallet in memory, its client, and pages that cost something. */

import { mcpServer } from "@lepta/cli/lepta/mcp";
import { type AgentWallet, agentWallet, type PayingHttp } from "@lepta/cli/lepta/mcp/agent-wallet";
import { type AgentConfiguration, readConfiguration } from "@lepta/cli/lepta/mcp/configuration";
import type { Budget, Wallet } from "@lepta/peer-sdk";
import { formatAmount, orThrow, parseAmount, toText } from "@lepta/protocol";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { InMemoryTransport } from "@modelcontextprotocol/sdk/inMemory.js";
import type { CallToolResult } from "@modelcontextprotocol/sdk/types.js";

/** What a call has brought: facts or the error, and the goods. */
export interface Called {
  readonly isError: boolean;
  // biome-ignore lint/suspicious/noExplicitAny: JSON, as the tests know it.
  readonly facts: any;
  readonly goods: string | undefined;
  /** All that was said. */
  readonly text: string;
}

export interface Agent {
  readonly client: Client;
  readonly wallet: AgentWallet;
  call(name: string, args?: Readonly<Record<string, unknown>>): Promise<Called>;
  close(): Promise<void>;
}

export const configured = (more: object = {}): AgentConfiguration =>
  readConfiguration(
    JSON.stringify({
      max: "EUR 0.05",
      perDay: "EUR 0.50",
      hosts: ["pages.example", "*.docs.example"],
      merchants: ["wss://news.example/pay"],
      ...more,
    }),
  );

/** A server and its client, with nothing between them. */
export async function agentOf(
  wallet: Wallet,
  configuration = configured(),
  {
    http = noPages,
    alter = (it) => it,
  }: { http?: PayingHttp; alter?: (wallet: AgentWallet) => AgentWallet } = {},
): Promise<Agent> {
  const own = alter(await agentWallet(wallet, configuration, http));
  const server = mcpServer(own, configuration);
  const [ours, theirs] = InMemoryTransport.createLinkedPair();
  const client = new Client({ name: "test", version: "1" });
  await server.connect(theirs);
  await client.connect(ours);
  return {
    client,
    wallet: own,
    call: (name, args = {}) => called(client, name, args),
    close: async () => {
      await client.close();
      await server.close();
    },
  };
}

export async function called(
  client: Client,
  name: string,
  args: Readonly<Record<string, unknown>>,
): Promise<Called> {
  const { isError = false, content } = (await client.callTool({ name, arguments: args })) as CallToolResult;
  const texts = content.map((each) => (each.type === "text" ? each.text : ""));
  const [first = "", goods] = texts;
  return {
    isError,
    facts: first.startsWith("{") ? JSON.parse(first) : undefined,
    goods,
    text: texts.join("\n"),
  };
}

const unexpected = async (): Promise<never> => {
  throw new Error("no page was to be asked for");
};
const noPages: PayingHttp = { quote: unexpected, fetch: unexpected };

export interface TestPage {
  readonly price?: string;
  readonly description?: string;
  readonly status?: number;
  readonly location?: string;
  readonly type?: string;
  readonly body?: BodyInit;
}

/** Pages by their addresses, paid from the agent's budget: which were asked for, and with what. */
export function testPages(
  pages: Readonly<Record<string, TestPage>>,
  budget: Budget,
  configuration: AgentConfiguration,
): PayingHttp & { readonly asked: string[] } {
  const asked: string[] = [];
  const pageOf = async (request: Request): Promise<TestPage> => {
    if (request.redirect !== "manual") throw new Error("redirects are the server's to follow");
    asked.push(
      `${request.method} ${request.url}${request.body === null ? "" : ` ${await request.clone().text()}`}`,
    );
    return pages[request.url] ?? { status: 404, body: "nothing here" };
  };
  return {
    asked,
    quote: async (request) => {
      const { price, description, status = 200, location } = await pageOf(request);
      const said =
        price === undefined ? {} : { price, seller: "Pages", ...(description ? { description } : {}) };
      return { status: price === undefined ? status : 402, location, ...said };
    },
    fetch: async (request) => {
      const { price, status = 200, location, body = "a page", type = "text/plain" } = await pageOf(request);
      const headers = { "content-type": type, ...(location === undefined ? {} : { location }) };
      const response = new Response(body, { status, headers });
      if (price === undefined) return { response };
      const charged = parseAmount(price);
      const txn = toText(crypto.getRandomValues(new Uint8Array(16)));
      orThrow(await budget.reserve(txn, charged, configuration));
      await budget.confirm(txn, charged);
      return { response, payment: { txn, charged: async () => charged } };
    },
  };
}

/** What the day has left, by the balance. */
export const spentBy = async ({ call }: Agent): Promise<readonly [charged: string, setAside: string]> => {
  const { facts } = await call("balance");
  return [facts.last24h.charged, facts.last24h.setAside];
};

export const euros = (value: bigint): string => formatAmount({ currency: "EUR", value });
