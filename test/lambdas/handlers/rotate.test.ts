import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { scheduledFunctions } from "@lepta/lambdas";
import { memoryKeyService } from "@lepta/lambdas/memory/key-service";
import { memoryObserver } from "@lepta/lambdas/memory/observer";
import { limits } from "@lepta/protocol";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type BrokerUnderTest, memoryBroker } from "../../support/broker.ts";

let broker: BrokerUnderTest;
beforeEach(async () => {
  broker = await memoryBroker();
});
afterEach(() => broker.close());

const rotate = <E>(event: E) => scheduledFunctions.rotate(broker.wiring)(event);

test("the schedule's event, or any other without an operation, rotates and tells how long the keys last", async () => {
  const life = limits.operationalKeyLife;
  broker.runtime.advance(life / 2 - 1);
  expect(await rotate({ source: "aws.events" })).toEqual({ made: 0, keyLifeLeft: life / 2 + 1 });
  broker.runtime.advance(1);
  expect(await rotate(undefined)).toEqual({ made: 4, keyLifeLeft: life });
});

test("a revocation tells what is revoked and from when on, and the list shows it", async () => {
  const before = await rotate({ operation: "list" } as const);
  const answer = await rotate({ operation: "revoke", purpose: "decide" } as const);
  expect(answer).toMatchObject({ network: broker.network, purpose: "decide" });
  expect(answer.revoked).toHaveLength(2);
  const { network, keys, epochs } = await rotate({ operation: "list" } as const);
  expect(network).toBe(broker.network);
  expect(keys).toHaveLength(before.keys.length + 2);
  const revoked = keys.filter(({ revokedFrom }) => revokedFrom !== undefined);
  expect(revoked.map(({ id }) => id).sort()).toEqual([...answer.revoked].sort());
  expect(revoked.every(({ revokedFrom }) => revokedFrom === answer.revokedFrom)).toBe(true);
  expect(epochs).toEqual([
    { epoch: 1, startedAt: broker.runtime.now(), revokedFrom: answer.revokedFrom },
    { epoch: 2, startedAt: answer.revokedFrom },
  ]);
});

test("the list holds no secret and no wrapped one", async () => {
  const { keys } = await rotate({ operation: "list" } as const);
  for (const key of keys) expect(Object.keys(key).sort()).toEqual(["id", "notAfter", "notBefore", "purpose"]);
});

test("an operation or a purpose that there is none of is refused in a sentence, and changes nothing", async () => {
  const items = await broker.items();
  await expect(rotate({ operation: "delete" })).rejects.toThrow('knows no operation "delete"');
  await expect(rotate({ operation: 7 })).rejects.toThrow("knows no operation 7");
  await expect(rotate({ operation: "revoke", purpose: "root" })).rejects.toThrow('the purpose "root"');
  await expect(rotate({ operation: "revoke" })).rejects.toThrow("the purposes are enrol, decide");
  expect(await broker.items()).toEqual(items);
});

test("a deployment gets its first keys and the root's thumbprint, and is told where there are none", async () => {
  const told: { Status: string; Data?: { Network?: string }; Reason?: string }[] = [];
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += String(chunk);
    told.push(JSON.parse(body));
    response.end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const event = { RequestType: "Create", ResponseURL: `http://127.0.0.1:${port}/` };
  try {
    await rotate(event);
    const observer = memoryObserver();
    // Another root than the table's.
    const keyService = await memoryKeyService(broker.runtime.random);
    await scheduledFunctions.rotate({ ...broker.wiring, keyService, observer })(event);
    expect(told).toMatchObject([
      { Status: "SUCCESS", Data: { Network: broker.network } },
      { Status: "FAILED" },
    ]);
    expect(told[1]?.Reason).toContain("see the log of the function rotate");
    expect(observer.counted("faults")).toBe(1);
    // A right that was given a moment ago may not be known everywhere yet.
    expect(observer.entries).toHaveLength(5);
    expect(observer.entries[0]).toMatchObject({ route: "rotate", outcome: "failed" });
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});
