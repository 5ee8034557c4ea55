import { ConfigurationFault, readConfiguration } from "@lepta/cli/lepta/mcp/configuration";
import { parseAmount } from "@lepta/protocol";
import { describe, expect, test } from "vitest";

const good = {
  max: "EUR 0.05",
  perDay: "EUR 1.00",
  hosts: ["news.example.org", "*.docs.example.org", "localhost:8789"],
  merchants: ["wss://news.example.org/pay", "ws://127.0.0.1:8788"],
};
const faultsOf = (value: unknown): readonly string[] => {
  try {
    readConfiguration(typeof value === "string" ? value : JSON.stringify(value));
  } catch (error) {
    if (error instanceof ConfigurationFault) return error.faults;
    throw error;
  }
  return [];
};

describe("an agent's configuration", () => {
  test("is read as it is written", () => {
    expect(readConfiguration(JSON.stringify(good))).toEqual({
      max: parseAmount("EUR 0.05"),
      perDay: parseAmount("EUR 1.00"),
      hosts: good.hosts,
      merchants: ["wss://news.example.org/pay", "ws://127.0.0.1:8788/"],
    });
  });

  test("lists nobody where it lists nothing", () => {
    const { max, perDay } = good;
    expect(readConfiguration(JSON.stringify({ max, perDay }))).toMatchObject({ hosts: [], merchants: [] });
  });

  test.each([
    ["no JSON", "{", /^it is not JSON$/],
    ["a list", [], /^it is not an object/],
    ["nothing", null, /^it is not an object/],
    ["a text", '"EUR 1.00"', /^it is not an object/],
    ["no maximum", { ...good, max: undefined }, /^max: .* it is missing$/],
    ["no limit of the day", { ...good, perDay: undefined }, /^perDay: .* it is missing$/],
    ["a number for an amount", { ...good, max: 0.05 }, /^max: .* 0\.05 is none$/],
    ["an amount without a currency", { ...good, max: "0.05" }, /^max: /],
    ["an amount below nothing", { ...good, perDay: "EUR -1.00" }, /^perDay: /],
    ["an amount of nothing", { ...good, max: "EUR 0.00" }, /^max: /],
    ["two currencies", { ...good, perDay: "USD 1.00" }, /^max is in EUR and perDay in USD$/],
    ["a member that is none", { ...good, perHour: "EUR 1.00" }, /^"perHour" is none of max, perDay/],
    ["a member that is spelled in another way", { ...good, Hosts: [] }, /^"Hosts" is none of/],
    ["a text for a list", { ...good, hosts: "example.org" }, /^hosts: a list/],
    ["a number in a list", { ...good, merchants: [7] }, /^merchants: a list/],
    ["a list without an end", { ...good, hosts: Array(1001).fill("example.org") }, /^hosts: a list/],
    ["every host", { ...good, hosts: ["*"] }, /^hosts: "\*" is no host/],
    ["all of a country", { ...good, hosts: ["*.org"] }, /^hosts: "\*\.org" is no host/],
    ["an address for a host", { ...good, hosts: ["https://example.org"] }, /^hosts: /],
    ["a merchant without encryption", { ...good, merchants: ["ws://news.example.org/"] }, /^merchants: /],
    ["a page for a merchant", { ...good, merchants: ["https://news.example.org/"] }, /^merchants: /],
    ["a merchant with a password", { ...good, merchants: ["wss://a:b@news.example.org/"] }, /^merchants: /],
    ["a pattern for a merchant", { ...good, merchants: ["*.example.org"] }, /^merchants: /],
  ])("with %s is refused, and the fault is named", (_what, value, fault) => {
    const faults = faultsOf(value);
    expect(faults).toHaveLength(1);
    expect(faults[0]).toMatch(fault);
  });

  test("with several faults is told all of them at once", () => {
    expect(faultsOf({ max: "much", hosts: ["*", "a b"], merchants: ["x"], more: 1 })).toHaveLength(6);
  });
});
