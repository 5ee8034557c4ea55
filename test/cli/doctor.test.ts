import { type CloudWatchClient, DescribeAlarmsCommand } from "@aws-sdk/client-cloudwatch";
import { UpdateTableCommand } from "@aws-sdk/client-dynamodb";
import { CreateKeyCommand } from "@aws-sdk/client-kms";
import type { Cloud } from "@lepta/cli/admin/cloud";
import { brokerKeysCodec, decodeAs, encodeAs, orThrow } from "@lepta/protocol";
import { mockClient } from "aws-sdk-client-mock";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Administered, administered, alter, type Breaking, ran, remade } from "./support.ts";

const HOUR = 60 * 60 * 1000;

let broker: Administered;
/** What the function rotate lists. */
let listed: object;
beforeAll(async () => {
  listed = { keys: [] };
  broker = await administered({
    invocables: { reconcile: async () => ({ done: true }), rotate: async () => listed },
  });
});
afterAll(() => broker.close());

interface Broken {
  readonly alter?: Breaking;
  readonly fetch?: typeof fetch;
  readonly now?: () => number;
}

interface Found {
  readonly name: string;
  readonly state: string;
  readonly says: string;
  readonly remedy?: string;
}

async function examined(broken: Broken = {}) {
  const { status, out, err } = await broker.run(["doctor", "--json"], broken);
  const { good, checks } = JSON.parse(out) as { readonly good: boolean; readonly checks: readonly Found[] };
  expect(err).toBe("");
  expect(status).toBe(good ? 0 : 1);
  return checks;
}
const wrongOf = (checks: readonly Found[]) => checks.filter(({ state }) => state === "wrong");

/** GET /keys with another list. */
const shown =
  (change: (list: ReturnType<typeof listOf>) => object): typeof fetch =>
  async (input, init) => {
    const response = await fetch(input, init);
    const list = listOf(new Uint8Array(await response.arrayBuffer()));
    const body = encodeAs(brokerKeysCodec, change(list) as never);
    return new Response(new Uint8Array(body), { headers: response.headers });
  };
const listOf = (bytes: Uint8Array) => orThrow(decodeAs(brokerKeysCodec, bytes));

const key =
  (role: string, change: object): Breaking =>
  ({ kms }) =>
    alter(kms, "DescribeKeyCommand", (answer, { KeyId }) =>
      KeyId.endsWith(role) ? { KeyMetadata: { ...answer.KeyMetadata, ...change } } : answer,
    );
const table =
  (change: object): Breaking =>
  ({ dynamoDb }) =>
    alter(dynamoDb, "DescribeTableCommand", ({ Table }) => ({ Table: { ...Table, ...change } }));
const lambda =
  (name: string, change: (answer: Readonly<Record<string, unknown>>) => object): Breaking =>
  ({ lambda: client }) =>
    alter(client, "GetFunctionConfigurationCommand", (answer, { FunctionName }) =>
      FunctionName.endsWith(name) ? { ...answer, ...change(answer) } : answer,
    );
const both =
  (...breakings: readonly Breaking[]): Breaking =>
  async (cloud) => {
    for (const each of breakings) await each(cloud);
  };
/** Point-in-time recovery and rotation as AWS tells them. */
const recovery =
  (PointInTimeRecoveryStatus: string): Breaking =>
  ({ dynamoDb }) =>
    alter(dynamoDb, "DescribeContinuousBackupsCommand", () => ({
      ContinuousBackupsDescription: { PointInTimeRecoveryDescription: { PointInTimeRecoveryStatus } },
    }));
const rotation =
  (KeyRotationEnabled: boolean): Breaking =>
  ({ kms }) =>
    alter(kms, "GetKeyRotationStatusCommand", () => ({ KeyRotationEnabled }));
const alarms = (StateValue: "ALARM" | "OK" | undefined): Breaking =>
  both(
    remade((manifest) => ({ ...manifest, alarmPrefix: "Lepta-embedded-" })),
    ({ cloudWatch }: Cloud) => {
      const MetricAlarms =
        StateValue === undefined
          ? []
          : [{ AlarmName: "Lepta-embedded-books", StateValue, StateReason: "1 > 0" }];
      mockClient(cloudWatch as CloudWatchClient)
        .on(DescribeAlarmsCommand)
        .resolves({ MetricAlarms });
    },
  );

describe("doctor on a whole deployment", () => {
  test("finds nothing wrong, and says what the embedded cloud lacks", async () => {
    const checks = await examined();
    expect(wrongOf(checks)).toEqual([]);
    expect(checks.filter(({ state }) => state === "not checked").map(({ name }) => name)).toEqual([
      "wrapping key rotation",
      "table backups",
      "alarms",
    ]);
    expect(checks.find(({ name }) => name === "root key agrees")?.state).toBe("ok");
    expect(checks.find(({ name }) => name === "keys door")?.says).toContain(broker.cloud.network);
  });

  test("checks on AWS what only AWS has", async () => {
    const checks = await examined({ alter: both(recovery("ENABLED"), rotation(true), alarms("OK")) });
    expect(wrongOf(checks)).toEqual([]);
    expect(checks.filter(({ state }) => state !== "ok").map(({ name }) => name)).toEqual([]);
  });

  test("says it to people in lines, without colours where none are wanted", async () => {
    const { status, out } = await broker.run(["doctor"]);
    expect(status).toBe(0);
    expect(out).toMatch(/^ok {11}manifest /m);
    expect(out).toMatch(/Nothing is wrong: \d+ checks, 3 not checked\.\n$/);
    expect(out).not.toContain("\u001b");
    expect((await broker.run(["doctor"], { isColoured: true })).out).toContain("\u001b[32mok");
  });
});

const NOWHERE = "http://127.0.0.1:9";

describe("doctor names what is wrong with", () => {
  test.each<[string, Broken, readonly string[]]>([
    [
      "a manifest of another release",
      { alter: remade((manifest) => ({ ...manifest, version: 2 })) },
      ["manifest"],
    ],
    [
      "an API that does not answer",
      { alter: remade((manifest) => ({ ...manifest, url: NOWHERE })) },
      ["keys door"],
    ],
    ["an API that fails", { fetch: async () => new Response("", { status: 500 }) }, ["keys door"]],
    ["an API that answers with something else", { fetch: async () => new Response("hello") }, ["keys door"]],
    [
      "a certificate that the root did not sign",
      {
        fetch: shown((list) => {
          const [first = new Uint8Array(), ...others] = list.certificates;
          const forged = first.map((byte, i) => (i === first.length - 1 ? byte ^ 1 : byte));
          return { ...list, certificates: [forged, first, ...others] };
        }),
      },
      ["certificates"],
    ],
    ["no key to seal to", { fetch: shown((list) => ({ ...list, certificates: [] })) }, ["certificates"]],
    [
      "keys that end soon and a clock that differs",
      { now: () => Date.now() + 20 * HOUR },
      ["key for enrol", "key for decide", "key for acknowledge", "key for seal", "clock"],
    ],
    ["a root key that is disabled", { alter: key("root", { KeyState: "Disabled" }) }, ["root key"]],
    ["a root key of another kind", { alter: key("root", { KeySpec: "RSA_2048" }) }, ["root key"]],
    [
      "a wrapping key that is about to be deleted",
      { alter: key("wrapping", { KeyState: "PendingDeletion" }) },
      ["wrapping key"],
    ],
    ["a wrapping key that is not rotated", { alter: rotation(false) }, ["wrapping key rotation"]],
    ["a table that is being restored", { alter: table({ TableStatus: "CREATING" }) }, ["table"]],
    [
      "a table with a fixed rate",
      { alter: table({ BillingModeSummary: { BillingMode: "PROVISIONED" } }) },
      ["table billing"],
    ],
    ["a table whose stream is off", { alter: table({ StreamSpecification: undefined }) }, ["table stream"]],
    [
      "a table that keeps everything",
      {
        alter: ({ dynamoDb }) =>
          alter(dynamoDb, "DescribeTimeToLiveCommand", () => ({
            TimeToLiveDescription: { TimeToLiveStatus: "DISABLED" },
          })),
      },
      ["table time to live"],
    ],
    ["a table without backups", { alter: recovery("DISABLED") }, ["table backups"]],
    [
      "a function that is gone",
      {
        alter: remade(({ functions, ...rest }) => ({
          ...rest,
          functions: { ...(functions as object), settle: "lepta-embedded-gone" },
        })),
      },
      ["function settle"],
    ],
    [
      "a function that was never deployed",
      {
        alter: remade(({ functions, ...rest }) => {
          const { finish: _gone, ...others } = functions as Readonly<Record<string, unknown>>;
          return { ...rest, functions: others };
        }),
      },
      ["function finish"],
    ],
    [
      "a function that cannot start",
      { alter: lambda("fund", () => ({ State: "Failed" })) },
      ["function fund"],
    ],
    [
      "a function on an old Node",
      { alter: lambda("query", () => ({ Runtime: "nodejs20.x" })) },
      ["function query"],
    ],
    [
      "a function of another table",
      {
        alter: lambda("authorise", ({ Environment }) => {
          const { Variables } = Environment as { readonly Variables: object };
          return { Environment: { Variables: { ...Variables, LEPTA_TABLE: "another" } } };
        }),
      },
      ["function authorise"],
    ],
    ["an alarm that rings", { alter: alarms("ALARM") }, ["alarm Lepta-embedded-books"]],
    ["alarms that are gone", { alter: alarms(undefined) }, ["alarms"]],
  ])("%s", async (_name, broken, expected) => {
    const found = wrongOf(await examined(broken));
    expect(found.map(({ name }) => name)).toEqual(expected);
    for (const { says, remedy } of found) expect(says.length * (remedy?.length ?? 0)).toBeGreaterThan(0);
  });

  test("a root key that is not the one that the table belongs to", async () => {
    let other = "";
    const found = wrongOf(
      await examined({
        alter: async (cloud) => {
          const made = await cloud.kms.send(
            new CreateKeyCommand({ KeySpec: "ECC_NIST_P256", KeyUsage: "SIGN_VERIFY" }),
          );
          other = made.KeyMetadata?.KeyId ?? "";
          await remade((manifest) => ({ ...manifest, rootKey: other }))(cloud);
        },
      }),
    );
    expect(found[0]?.name).toBe("root key agrees");
    // Each of the functions uses the other one still.
    expect(found.slice(1).every(({ says }) => says.includes(`the manifest says ${other}`))).toBe(true);
  });

  test("a table that can be deleted by mistake, and is content when it cannot be", async () => {
    const protect =
      (DeletionProtectionEnabled: boolean): Breaking =>
      async ({ dynamoDb }) => {
        await dynamoDb.send(new UpdateTableCommand({ TableName: "lepta", DeletionProtectionEnabled }));
      };
    const found = wrongOf(await examined({ alter: protect(false) }));
    expect(found.map(({ name }) => name)).toEqual(["table deletion protection"]);
    expect(wrongOf(await examined({ alter: protect(true) }))).toEqual([]);
  });

  test("a service that cannot be reached, each part of it by its name", async () => {
    const refused = Object.assign(new Error("connect"), {
      code: "ECONNREFUSED",
      address: "10.0.0.1",
      port: 443,
    });
    const found = wrongOf(
      await examined({
        alter: ({ dynamoDb }) =>
          alter(dynamoDb, "DescribeTableCommand", () => {
            throw refused;
          }),
      }),
    );
    expect(found).toMatchObject([
      { name: "table", says: expect.stringContaining("AWS cannot be reached (ECONNREFUSED 10.0.0.1:443)") },
    ]);
  });
});

describe("doctor looks at the keys of the last day:", () => {
  const at = (hours: number) => Date.now() + hours * HOUR;
  const listedKey = (from: number, to: number, more: object = {}) => ({
    purpose: "decide",
    id: "k".repeat(43),
    notBefore: at(from),
    notAfter: at(to),
    ...more,
  });
  test.each<[string, object, string]>([
    ["keys that overlap", { keys: [listedKey(-12, 12), listedKey(-24, 0)] }, "ok"],
    ["a gap", { keys: [listedKey(-30, -6), listedKey(-2, 22)] }, "wrong"],
    ["a gap of long ago", { keys: [listedKey(-90, -66), listedKey(-40, -16), listedKey(-28, -4)] }, "ok"],
    [
      "a key that was revoked and replaced at once",
      { keys: [listedKey(-12, 12, { revokedFrom: at(-6) }), listedKey(-6, 18)] },
      "ok",
    ],
    [
      "a key that was revoked and replaced hours later",
      { keys: [listedKey(-12, 12, { revokedFrom: at(-6) }), listedKey(-2, 22)] },
      "wrong",
    ],
    ["a function that lists none", { made: 0 }, "not checked"],
  ])("%s", async (_name, list, expected) => {
    listed = list;
    const checks = await examined();
    listed = { keys: [] };
    expect(checks.find(({ name }) => name === "keys overlap")?.state).toBe(expected);
  });
});

describe("doctor without a deployment", () => {
  test("says that there is none of this stage, and goes no further", async () => {
    const { status, out } = await broker.run(["doctor", "--json"], {
      alter: (cloud) => {
        Object.assign(cloud, { stage: "production" });
      },
    });
    expect(status).toBe(1);
    expect(JSON.parse(out).checks).toMatchObject([
      { name: "manifest", says: expect.stringContaining("no deployment of the stage production") },
    ]);
  });

  test("says that no embedded broker runs in the directory", async () => {
    const { status, out, err } = await ran(["--embedded", "/nowhere/at/all", "doctor"]);
    expect([status, out]).toEqual([1, ""]);
    expect(err).toContain("No embedded broker runs in /nowhere/at/all: start one with npm start");
  });
});
