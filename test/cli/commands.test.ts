import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { connectCloud } from "@lepta/cli/admin/cloud";
import { Wallet } from "@lepta/peer-sdk";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type Administered, administered, ran } from "./support.ts";

const KEY = { purpose: "decide", id: "a".repeat(43), notBefore: 0, notAfter: 86_400_000 };
const LIST = {
  network: "n".repeat(43),
  epochs: [
    { epoch: 1, startedAt: 0, revokedFrom: 60_000 },
    { epoch: 2, startedAt: 60_000 },
  ],
  keys: [KEY, { ...KEY, revokedFrom: 60_000 }],
};
const BOOKS = {
  done: true,
  books: {
    EUR: { moneyIn: "1500000", liveBrokerScrip: "1500000", operatorsLoss: "-20000", conserved: true },
  },
  findings: [] as readonly object[],
};

let broker: Administered;
/** Events that the stand-ins were invoked with, and what `reconcile` answers. */
let events: object[];
let answers: object[];

beforeAll(async () => {
  const told =
    (answer: (event: Readonly<Record<string, unknown>>) => unknown) =>
    async (event: unknown): Promise<unknown> => {
      events.push(event as object);
      return answer(event as Readonly<Record<string, unknown>>);
    };
  broker = await administered({
    invocables: {
      reconcile: told(() => answers.shift()),
      rotate: told(({ operation, purpose }) => {
        if (operation === "list") return LIST;
        if (operation === "revoke")
          return { network: LIST.network, purpose, revoked: [KEY.id], revokedFrom: 60_000 };
        return { made: 1, keyLifeLeft: 43_200_000 };
      }),
      finish: async () => {
        throw new TypeError("what it choked on");
      },
    },
  });
});
beforeEach(() => {
  events = [];
  answers = [];
});
afterAll(() => broker.close());

describe("keys", () => {
  test("list shows every key, epoch and revocation", async () => {
    const { status, out } = await broker.run(["keys", "list"]);
    expect(status).toBe(0);
    expect(out).toContain(`root key  ${LIST.network}`);
    expect(out).toContain(
      "epochs    1 since 1970-01-01 00:00:00, revoked from 1970-01-01 00:01:00; 2 since 1970-01-01 00:01:00",
    );
    expect(out).toContain(
      `decide   ${KEY.id}  1970-01-01 00:00:00  1970-01-02 00:00:00  1970-01-01 00:01:00`,
    );
    expect(events).toEqual([{ operation: "list" }]);
    expect(JSON.parse((await broker.run(["keys", "list", "--json"])).out)).toEqual(LIST);
  });

  test("rotate makes what is due", async () => {
    const { status, out } = await broker.run(["keys", "rotate"]);
    expect([status, out]).toEqual([0, "1 keys were made.\nThe first of those in use ends in 12.0 h.\n"]);
    expect(events).toEqual([{}]);
  });

  test("revoke says what will happen, and does it when its purpose is typed", async () => {
    const { status, err, out } = await broker.run(["keys", "revoke", "decide"], {
      ask: async () => "decide\n",
    });
    expect([status, out]).toEqual([
      0,
      `Revoked from 1970-01-01 00:01:00 on: ${KEY.id}.\nSee it with keys list.\n`,
    ]);
    expect(err).toContain("cannot be undone");
    // Whose keys: a stage from the environment is easily another than the one that is meant.
    expect(err).toContain(`The embedded broker in ${broker.dir}`);
    expect(events).toEqual([{ operation: "revoke", purpose: "decide" }]);
  });

  test("revoke does nothing when something else is typed, or nobody is there", async () => {
    expect((await broker.run(["keys", "revoke", "seal"], { ask: async () => "yes" })).status).toBe(2);
    expect((await broker.run(["keys", "revoke", "seal"])).err).toContain("--yes");
    expect(events).toEqual([]);
  });

  test("revoke asks nobody with --yes", async () => {
    const { status, err } = await broker.run(["keys", "revoke", "seal", "--yes"]);
    expect([status, err]).toEqual([0, ""]);
    expect(events).toEqual([{ operation: "revoke", purpose: "seal" }]);
  });
});

describe("merchant", () => {
  test("freezes a peer of this broker, whose wallet is told so, and unfreezes it", async () => {
    const wallet = await Wallet.open({ broker: broker.cloud.pinnedUrl, dir: join(broker.dir, "wallet") });
    try {
      const { uid } = wallet;
      const frozen = await broker.run(["merchant", "freeze", uid, "--reason", "sells nothing"]);
      expect(frozen.status).toBe(0);
      expect(frozen.out).toContain("is frozen now: sells nothing");
      await expect(wallet.topUp("EUR 1.00")).rejects.toMatchObject({ code: "frozen" });
      expect((await broker.run(["merchant", "show", uid])).out).toContain("has been frozen since");
      const free = await broker.run(["merchant", "unfreeze", uid, "--json"]);
      expect(JSON.parse(free.out)).toMatchObject({ outcome: "changed", peer: { uid } });
      await wallet.topUp("EUR 1.00");
      expect((await broker.run(["merchant", "show", uid])).out).toContain("is not frozen.");
    } finally {
      await wallet.close();
    }
  });

  test("knows no peer that is not enrolled, also one whose UID begins with a dash", async () => {
    const uid = `-${"A".repeat(42)}`;
    const { status, out } = await broker.run(["merchant", "freeze", uid]);
    expect([status, out]).toEqual([1, `No peer ${uid} is enrolled here.\n`]);
  });
});

describe("books", () => {
  test("asks until all is read, and shows the sums", async () => {
    answers = [{ done: false, after: "page 2" }, { done: false, after: "page 3" }, BOOKS];
    const { status, out, err } = await broker.run(["books"]);
    expect(events).toEqual([{}, { done: false, after: "page 2" }, { done: false, after: "page 3" }]);
    expect(out).toBe(
      "EUR\n  money in           EUR 1.50\n  live BrokerScrip   EUR 1.50\n  operators loss    −EUR 0.02\n" +
        "  conserved         yes\n\nThe books balance.\n",
    );
    expect(err.split("\n").length).toBe(3);
    expect(status).toBe(0);
  });

  test("names each finding and says that something is wrong", async () => {
    const findings = [{ name: "two live scrips", key: { pk: "PEER#a", sk: "BROKERSCRIP" } }];
    answers = [{ ...BOOKS, findings }];
    const { status, out } = await broker.run(["books"]);
    expect(status).toBe(1);
    expect(out).toContain('wrong  two live scrips  {"pk":"PEER#a","sk":"BROKERSCRIP"}\n1 finding:');
    answers = [{ ...BOOKS, findings }];
    const json = await broker.run(["books", "--json"]);
    expect([json.status, JSON.parse(json.out)]).toEqual([1, { ...BOOKS, findings }]);
  });

  test("says that the sums of a busy table were not judged", async () => {
    const [EUR] = [{ ...BOOKS.books.EUR, conserved: false }];
    answers = [{ ...BOOKS, books: { EUR }, judged: false }];
    const { status, out } = await broker.run(["books"]);
    expect(status).toBe(0);
    expect(out).toContain("conserved         not judged");
    expect(out).toContain("whether the sums balance was not judged");
    expect(out).not.toContain("The books balance");
  });

  test.each([[{}], [{ done: "soon" }], [{ done: true, books: {} }], [null]])(
    "takes %j for no answer",
    async (answer) => {
      answers = [answer as object];
      const { status, out, err } = await broker.run(["books"]);
      expect([status, out]).toEqual([1, ""]);
      expect(err).toMatch(/^lepta-admin: The function reconcile .*\.\n$/);
    },
  );
});

describe("whatever goes wrong is told in one sentence, without a stack trace:", () => {
  test("a function that fails", async () => {
    const failing = {
      connect: () => {
        const cloud = connectCloud({ embedded: broker.dir });
        const { ssm } = cloud;
        const send = ssm.send.bind(ssm) as (sent: object) => Promise<{ Parameter: { Value: string } }>;
        const renamed = (text: string) => text.replace("lepta-embedded-rotate", "lepta-embedded-finish");
        return Object.assign(cloud, {
          ssm: Object.assign(ssm, {
            send: async (sent: object) => {
              const { Parameter } = await send(sent);
              return { Parameter: { ...Parameter, Value: renamed(Parameter.Value) } };
            },
          }),
        });
      },
    };
    const { status, err } = await ran(["--embedded", broker.dir, "keys", "rotate"], failing);
    expect([status, err]).toEqual([
      1,
      "lepta-admin: The function rotate failed (TypeError): what it choked on\n",
    ]);
  });

  test("a directory in which no broker runs", async () => {
    const { status, err } = await ran(["--embedded", join(broker.dir, "none"), "books"]);
    expect(status).toBe(1);
    expect(err).toMatch(/^lepta-admin: No embedded broker runs in .*\n$/);
    const json = await ran(["--embedded", join(broker.dir, "none"), "books", "--json"]);
    expect(JSON.parse(json.out)).toHaveProperty("error");
  });
});

describe("a command line that is not understood is answered with the usage:", () => {
  test.each([
    [[]],
    [["doctor"]],
    [["--embedded", "x", "--stage", "y", "doctor"]],
    [["--embedded", "x"]],
    [["--embedded", "x", "melt"]],
    [["--embedded", "x", "keys"]],
    [["--embedded", "x", "keys", "melt"]],
    [["--embedded", "x", "keys", "revoke", "root"]],
    [["--embedded", "x", "keys", "list", "all"]],
    [["--embedded", "x", "merchant", "freeze", "shop"]],
    [["--embedded", "x", "merchant", "freeze", "A".repeat(43), "--reason", ""]],
    [["--embedded", "x", "merchant", "freeze", "A".repeat(43), "now"]],
    [["--embedded", "x", "merchant", "show", "A".repeat(43), "--reason", "why"]],
    [["--embedded", "x", "books", "--yes"]],
    [["--embedded", "x", "books", "--fast"]],
    [["--stage", "../x", "books"]],
  ])("%j", async (args) => {
    const { status, out, err } = await ran(args);
    expect([status, out]).toEqual([2, ""]);
    expect(err).toMatch(/^lepta-admin: [^\n]+\n\nUsage: lepta-admin /);
  });

  test("--help is understood", async () => {
    const { status, out } = await ran(["--help"]);
    expect([status, out.slice(0, 6)]).toEqual([0, "Usage:"]);
  });
});

describe("the embedded cloud's file", () => {
  test("is there only while it runs, and only for its owner", async () => {
    const other = await administered();
    const file = join(other.dir, "lepta-admin.json");
    expect(statSync(file).mode & 0o077).toBe(0);
    await other.cloud.close();
    expect(existsSync(file)).toBe(false);
    await other.close();
  });
});

describe("the launcher", () => {
  test("runs with the SDK's own environment, and its exit status is the command's", async () => {
    const launcher = fileURLToPath(new URL("../../cli/bin/lepta-admin.mjs", import.meta.url));
    const { PATH = "" } = process.env;
    const env = { PATH, ...broker.cloud.environment, LEPTA_STAGE: "embedded", NO_COLOR: "1" };
    const child = spawn(process.execPath, [launcher, "doctor", "--json"], {
      env,
      stdio: ["ignore", "pipe", "inherit"],
    });
    let out = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      out += text;
    });
    const [status] = await once(child, "close");
    expect([status, JSON.parse(out).good]).toEqual([0, true]);
  });
});
