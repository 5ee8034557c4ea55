import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import {
  CreateTableCommand,
  DynamoDBClient,
  GetItemCommand,
  ListTablesCommand,
  PutItemCommand,
  ScanCommand,
  TransactionCanceledException,
  type TransactWriteItem,
  TransactWriteItemsCommand,
  waitUntilTableExists,
} from "@aws-sdk/client-dynamodb";
import { type Dynoxide, findDynoxide, startDynoxide } from "@lepta/local/dynoxide";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";

let directory: string;
let cleanups: (() => unknown)[];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "lepta-dynoxide-"));
  cleanups = [() => rm(directory, { recursive: true })];
});

afterEach(async () => {
  vi.unstubAllEnvs();
  for (const cleanup of cleanups.reverse()) await cleanup();
});

describe("Dynoxide", () => {
  test("cancels a transaction whole, with a reason for each item, when one condition fails", async () => {
    const { client } = await startWithTable({});
    await client.send(new PutItemCommand({ TableName, Item: { pk: { S: "spent" }, by: { S: "first" } } }));
    const refused = await failure(client, [
      { Put: { TableName, Item: { pk: { S: "other" } } } },
      spend("spent", "second", { ReturnValuesOnConditionCheckFailure: "ALL_OLD" }),
    ]);
    expect(refused.CancellationReasons).toMatchObject([
      { Code: "None" },
      { Code: "ConditionalCheckFailed", Item: { pk: { S: "spent" }, by: { S: "first" } } },
    ]);
    expect(await item(client, "other")).toBeUndefined();
  });

  test("lets one of 64 concurrent conditional spends win", async () => {
    const { client } = await startWithTable({ file: join(directory, "state.db") });
    const names = Array.from({ length: 64 }, (_, index) => `spender ${index}`);
    const results = await Promise.allSettled(
      names.map(async (name) => {
        await client.send(new TransactWriteItemsCommand({ TransactItems: [spend("coin", name)] }));
        return name;
      }),
    );
    const winners = results.filter((result) => result.status === "fulfilled").map(({ value }) => value);
    const losers = results.filter((result) => result.status === "rejected").map(({ reason }) => reason);
    expect(winners).toHaveLength(1);
    expect(await item(client, "coin")).toEqual({ pk: { S: "coin" }, by: { S: winners[0] } });
    for (const loser of losers) {
      expect(loser).toBeInstanceOf(TransactionCanceledException);
      expect(loser.CancellationReasons).toMatchObject([{ Code: "ConditionalCheckFailed" }]);
    }
  });

  test("keeps its data across close and restart, in a file that is its owner's only", async () => {
    const file = join(directory, "state", "lepta.db");
    const first = await startWithTable({ file });
    await first.client.send(
      new PutItemCommand({ TableName, Item: { pk: { S: "kept" }, bytes: { B: Buffer.of(0, 127, 255) } } }),
    );
    await first.engine.close();
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    const { client } = await start({ file });
    expect((await item(client, "kept"))?.bytes?.B).toEqual(Uint8Array.of(0, 127, 255));
  });

  test("keeps every acknowledged write when the engine is killed under load", async () => {
    const file = join(directory, "state.db");
    const { engine, client } = await startWithTable({ file });
    const acknowledged: string[] = [];
    const writers = Array.from({ length: 8 }, async (_, writer) => {
      for (let count = 0; ; count++) {
        const name = `${writer}/${count}`;
        // A write that fails or is cut off by the kill ends its writer; it may or may not have been kept.
        const stored = await client.send(new PutItemCommand({ TableName, Item: { pk: { S: name } } })).then(
          () => true,
          () => false,
        );
        if (!stored) return;
        acknowledged.push(name);
        if (acknowledged.length === 200) process.kill(engine.pid, "SIGKILL");
      }
    });
    await Promise.all(writers);
    expect(await engine.ended).toContain("SIGKILL");
    expect(acknowledged.length).toBeGreaterThanOrEqual(200);
    await engine.close();

    const restarted = await start({ file });
    const found = await allNames(restarted.client);
    expect(acknowledged.filter((name) => !found.has(name))).toEqual([]);
  });

  test("in memory starts empty, and engines do not share a port or tables", async () => {
    const [one, two] = [await startWithTable({}), await start({})];
    expect(one.engine.url).not.toBe(two.engine.url);
    expect((await two.client.send(new ListTablesCommand({}))).TableNames).toEqual([]);
  });

  test("is reached through AWS_ENDPOINT_URL_DYNAMODB, on loopback", async () => {
    const { engine } = await startWithTable({});
    expect(engine.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    vi.stubEnv("AWS_ENDPOINT_URL_DYNAMODB", engine.url);
    const unaware = new DynamoDBClient({ region: "eu-central-1", credentials });
    cleanups.push(() => unaware.destroy());
    expect((await unaware.send(new ListTablesCommand({}))).TableNames).toEqual([TableName]);
  });

  test("closes once, however often it is asked to and even when it has already ended", async () => {
    const { engine } = await start({});
    process.kill(engine.pid, "SIGKILL");
    await engine.ended;
    expect(engine.close()).toBe(engine.close());
    await engine.close();
  });

  test("is killed when a request that never ends keeps it from closing", async () => {
    const { engine } = await start({});
    const socket = connect(Number(new URL(engine.url).port), "127.0.0.1");
    cleanups.push(() => socket.destroy());
    socket.write("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n");
    // "100 Continue": the engine has begun the request and waits for the rest of it.
    await once(socket, "data");
    socket.on("error", () => socket.destroy());
    await engine.close();
    expect(await engine.ended).toContain("SIGKILL");
  });

  test("ends with the process that started it, even when that is killed", async () => {
    for (const signal of ["SIGKILL", "SIGTERM", "SIGINT"] as const) {
      const parent = spawnNode(`
        import { startDynoxide } from ${JSON.stringify(import.meta.resolve("@lepta/local/dynoxide"))};
        console.log((await startDynoxide({})).url);
      `);
      const [line] = (await once(parent.stdout, "data")) as [string];
      const url = line.trim();
      expect((await fetch(url)).status).toBe(200);
      parent.kill(signal);
      await vi.waitFor(() => expect(fetch(url)).rejects.toThrow(), { timeout: 10_000 });
    }
  });
});

describe("the start of Dynoxide", () => {
  test("fails with the engine's own words where the file is not a database", async () => {
    const file = join(directory, "state.db");
    await writeFile(file, "this is not a database, and it is long enough to be sure of that".repeat(100));
    await expect(startDynoxide({ file })).rejects.toThrow(/did not start: .* not a valid SQLite database/);
  });

  test("fails where the wanted port is taken, even by something that answers like it", async () => {
    const { engine } = await start({});
    const port = Number(new URL(engine.url).port);
    await expect(startDynoxide({ port })).rejects.toThrow(/did not start: .* already in use/);
  });

  test("takes the port it is given", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    const port = address === null || typeof address === "string" ? 0 : address.port;
    server.close();
    await once(server, "close");
    const { engine } = await start({ port });
    expect(engine.url).toBe(`http://127.0.0.1:${port}`);
  });
});

describe("the Dynoxide binary", () => {
  test("is the npm package's where there is one", () => {
    expect(findDynoxide()).toMatch(/@dynoxide[/\\][^/\\]+[/\\]dynoxide$/);
  });

  test("is else the first on PATH", async () => {
    const binary = join(directory, "dynoxide");
    await writeFile(binary, "");
    await chmod(binary, 0o755);
    vi.stubEnv("PATH", ["", join(directory, "nowhere"), directory].join(delimiter));
    expect(findDynoxide("none-none")).toBe(binary);
  });

  test("is else reported as missing, with what to do about it", () => {
    vi.stubEnv("PATH", directory);
    expect(() => findDynoxide("none-none")).toThrow(/npm ci .* PATH, or set AWS_ENDPOINT_URL_DYNAMODB/);
  });
});

const TableName = "coins";
const credentials = { accessKeyId: "development", secretAccessKey: "development" };

interface Started {
  engine: Dynoxide;
  client: DynamoDBClient;
}

async function start(options: { file?: string; port?: number }): Promise<Started> {
  const engine = await startDynoxide(options);
  cleanups.push(() => engine.close());
  // One attempt: after a kill the SDK would otherwise go on trying for seconds.
  const client = new DynamoDBClient({
    endpoint: engine.url,
    region: "us-east-1",
    credentials,
    maxAttempts: 1,
  });
  cleanups.push(() => client.destroy());
  return { engine, client };
}

async function startWithTable(options: { file?: string }): Promise<Started> {
  const started = await start(options);
  await started.client.send(
    new CreateTableCommand({
      TableName,
      BillingMode: "PAY_PER_REQUEST",
      KeySchema: [{ AttributeName: "pk", KeyType: "HASH" }],
      AttributeDefinitions: [{ AttributeName: "pk", AttributeType: "S" }],
    }),
  );
  await waitUntilTableExists({ client: started.client, maxWaitTime: 10, minDelay: 1 }, { TableName });
  return started;
}

function spend(coin: string, by: string, more: { ReturnValuesOnConditionCheckFailure?: "ALL_OLD" } = {}) {
  return {
    Put: {
      TableName,
      Item: { pk: { S: coin }, by: { S: by } },
      ConditionExpression: "attribute_not_exists(pk)",
      ...more,
    },
  } satisfies TransactWriteItem;
}

async function failure(
  client: DynamoDBClient,
  TransactItems: TransactWriteItem[],
): Promise<TransactionCanceledException> {
  const error = await client.send(new TransactWriteItemsCommand({ TransactItems })).catch((e: unknown) => e);
  if (error instanceof TransactionCanceledException) return error;
  throw new Error("The transaction was not cancelled", { cause: error });
}

async function item(client: DynamoDBClient, name: string) {
  const command = new GetItemCommand({ TableName, Key: { pk: { S: name } }, ConsistentRead: true });
  return (await client.send(command)).Item;
}

async function allNames(client: DynamoDBClient): Promise<Set<string | undefined>> {
  const names = new Set<string | undefined>();
  let from: Awaited<ReturnType<typeof item>>;
  do {
    const page = await client.send(
      new ScanCommand({ TableName, ConsistentRead: true, ...(from && { ExclusiveStartKey: from }) }),
    );
    for (const { pk } of page.Items ?? []) names.add(pk?.S);
    from = page.LastEvaluatedKey;
  } while (from !== undefined);
  return names;
}

/** A Node process that runs `script`, killed after the test if it still lives. */
function spawnNode(script: string) {
  const child = spawn(process.execPath, ["--input-type=module", "--eval", script], {
    cwd: import.meta.dirname,
    stdio: ["ignore", "pipe", "inherit"],
  });
  child.stdout.setEncoding("utf8");
  const exited = once(child, "exit");
  cleanups.push(async () => {
    child.kill("SIGKILL");
    await exited;
  });
  return child;
}
