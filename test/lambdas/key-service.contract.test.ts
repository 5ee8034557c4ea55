import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CreateKeyCommand, KMSClient } from "@aws-sdk/client-kms";
import { rotateKeys, type Store } from "@lepta/lambdas";
import { kmsKeyService } from "@lepta/lambdas/aws/kms-key-service";
import { keyItems, readKeyTable, signingPurposes } from "@lepta/lambdas/custody/key-items";
import { tableCustody } from "@lepta/lambdas/custody/table-custody";
import { memoryKeyService } from "@lepta/lambdas/memory/key-service";
import { memoryStore } from "@lepta/lambdas/memory/store";
import type { KeyService } from "@lepta/lambdas/ports/kms";
import { StoreBusy } from "@lepta/lambdas/ports/store";
import { startDevelopmentKms } from "@lepta/local/development-kms";
import {
  defaultSuite,
  encodeP256,
  isRefusal,
  limits,
  orThrow,
  readEncrypt,
  thumbprint,
  utf8,
  verifyCertificate,
} from "@lepta/protocol";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { seededRandom, testRuntime } from "../support/runtime.ts";

interface Opened {
  readonly keyService: KeyService;
  close(): Promise<void>;
}

async function onDevelopmentKms(): Promise<Opened> {
  const dir = await mkdtemp(join(tmpdir(), "lepta-key-service-"));
  const kms = await startDevelopmentKms({ file: join(dir, "kms.json") });
  const client = new KMSClient({
    endpoint: kms.url,
    region: "us-east-1",
    credentials: { accessKeyId: "test", secretAccessKey: "test" },
  });
  const create = async (spec: "ECC_NIST_P256" | "SYMMETRIC_DEFAULT"): Promise<string> => {
    const KeyUsage = spec === "SYMMETRIC_DEFAULT" ? "ENCRYPT_DECRYPT" : "SIGN_VERIFY";
    const { KeyMetadata } = await client.send(new CreateKeyCommand({ KeySpec: spec, KeyUsage }));
    return KeyMetadata?.KeyId ?? "";
  };
  const keys = { rootKeyId: await create("ECC_NIST_P256"), wrappingKeyId: await create("SYMMETRIC_DEFAULT") };
  return {
    keyService: kmsKeyService(client, keys),
    close: async () => {
      client.destroy();
      await kms.close();
      await rm(dir, { recursive: true });
    },
  };
}

async function inMemory(): Promise<Opened> {
  return { keyService: await memoryKeyService(seededRandom("key service")), close: async () => {} };
}

const adapters = [
  { name: "memory", open: inMemory },
  { name: "KMS on the development KMS", open: onDevelopmentKms },
] as const;

describe.each(adapters)("the key service in $name", ({ open }) => {
  let keyService: KeyService;
  let close: () => Promise<void>;

  beforeAll(async () => {
    const opened = await open();
    keyService = opened.keyService;
    close = () => opened.close();
  });

  afterAll(() => close());

  const rootKey = async () => {
    const { x, y } = await keyService.root.publicKey();
    return orThrow(await defaultSuite.verifyingKey(encodeP256(x, y)));
  };

  test("the root's signature holds under its public key, and no other bytes' does", async () => {
    const key = await rootKey();
    for (let round = 0; round < 16; round += 1) {
      const signature = await keyService.root.sign(utf8(`certificate ${round}`));
      expect(signature).toHaveLength(64);
      expect(await key.verify(utf8(`certificate ${round}`), signature)).toBe(true);
      expect(await key.verify(utf8("another"), signature)).toBe(false);
    }
  });

  test("the root signs 4096 bytes", async () => {
    const data = new Uint8Array(4096).fill(7);
    expect(await (await rootKey()).verify(data, await keyService.root.sign(data))).toBe(true);
  });

  test("the root's public key is always the same", async () => {
    expect((await rootKey()).id).toBe((await rootKey()).id);
  });

  const context = { "lepta:network": "net", "lepta:purpose": "decide" };

  test("a data key is 32 bytes, new each time, and comes back under the context it was made for", async () => {
    const [one, two] = [
      await keyService.wrapper.generate(context),
      await keyService.wrapper.generate(context),
    ];
    expect(one.plain).toHaveLength(32);
    expect(Buffer.from(one.plain).equals(two.plain)).toBe(false);
    expect(Buffer.from(one.wrapped).includes(Buffer.from(one.plain))).toBe(false);
    expect(new Uint8Array(await keyService.wrapper.unwrap(one.wrapped, context))).toEqual(
      new Uint8Array(one.plain),
    );
  });

  test("the order of a context's names does not matter", async () => {
    const { plain, wrapped } = await keyService.wrapper.generate(context);
    const turned = { "lepta:purpose": "decide", "lepta:network": "net" };
    expect(new Uint8Array(await keyService.wrapper.unwrap(wrapped, turned))).toEqual(new Uint8Array(plain));
  });

  test.each([
    ["another purpose", { ...context, "lepta:purpose": "enrol" }],
    ["another network", { ...context, "lepta:network": "other" }],
    ["a name less", { "lepta:network": "net" }],
    ["a name more", { ...context, more: "x" }],
    ["none", {}],
  ])("unwrapping under another context is refused: %s", async (_, other) => {
    const { wrapped } = await keyService.wrapper.generate(context);
    await expect(keyService.wrapper.unwrap(wrapped, other)).rejects.toThrow(Error);
  });

  test("an altered or shortened data key is refused", async () => {
    const { wrapped } = await keyService.wrapper.generate(context);
    for (const at of [0, Math.floor(wrapped.length / 2), wrapped.length - 1]) {
      const altered = wrapped.slice();
      altered[at] = (altered[at] ?? 0) ^ 1;
      await expect(keyService.wrapper.unwrap(altered, context)).rejects.toThrow(Error);
    }
    await expect(keyService.wrapper.unwrap(wrapped.slice(0, -1), context)).rejects.toThrow(Error);
  });

  describe("custody", () => {
    const setUp = () => {
      const runtime = testRuntime();
      const store = memoryStore();
      const unwrapped: Record<string, string>[] = [];
      const counted: KeyService = {
        root: keyService.root,
        wrapper: {
          generate: (given) => keyService.wrapper.generate(given),
          unwrap: (wrapped, given) => {
            unwrapped.push({ ...given });
            return keyService.wrapper.unwrap(wrapped, given);
          },
        },
      };
      const disputeWindow = 400 * 24 * 60 * 60 * 1000;
      const ports = { store, keyService: counted, suite: defaultSuite, runtime, disputeWindow };
      return { runtime, store, ports, unwrapped };
    };

    test("the first rotation makes a key for each purpose, and the next one none", async () => {
      const { ports } = setUp();
      const first = await rotateKeys(ports);
      expect(first.made).toEqual(["enrol", "decide", "acknowledge", "seal"]);
      expect(first.network).toBe((await rootKey()).id);
      expect(await rotateKeys(ports)).toEqual({ network: first.network, made: [] });
    });

    test("every certificate is signed by the root and lives at most a day", async () => {
      const { ports, store, runtime } = setUp();
      await rotateKeys(ports);
      const trust = { suite: defaultSuite, rootKey: await rootKey() };
      const { operational } = await readKeyTable(store);
      expect(operational.map(({ purpose }) => purpose).sort()).toEqual([
        "acknowledge",
        "decide",
        "enrol",
        "seal",
      ]);
      for (const { certificate, purpose, publicKey } of operational) {
        const key = orThrow(await verifyCertificate(certificate, trust, runtime.now()));
        expect(key).toMatchObject({ purpose, publicKey, id: thumbprint(publicKey) });
        expect(key.notAfter - key.notBefore).toBe(limits.operationalKeyLife);
        expect(isRefusal(await verifyCertificate(certificate, trust, key.notAfter))).toBe(true);
      }
    });

    test("new keys come past half of a life, not at half; the signing key switches and old seals still open", async () => {
      const { ports, runtime, store } = setUp();
      await rotateKeys(ports);
      const custody = tableCustody(ports, "decide");
      const before = await custody.keys();
      const old = (await readKeyTable(store)).operational.find(({ purpose }) => purpose === "seal");
      const oldKey = orThrow(await defaultSuite.sealingKey(old?.publicKey ?? new Uint8Array(0)));
      const sealed = await oldKey.seal("application/x", utf8("kept since yesterday"), runtime.random);

      runtime.advance(limits.operationalKeyLife / 2 - 1);
      expect((await rotateKeys(ports)).made).toEqual([]);
      runtime.advance(1);
      expect((await rotateKeys(ports)).made).toEqual(["enrol", "decide", "acknowledge", "seal"]);
      const after = await custody.keys();
      expect(after.signing.key.id).not.toBe(before.signing.key.id);
      expect(after.network).toBe(before.network);

      // Old sealing keys outlive their certificates: bytes that were kept before sending may still come.
      runtime.advance(3 * limits.operationalKeyLife);
      await rotateKeys(ports);
      const later = await tableCustody(ports, "decide").keys();
      const parts = orThrow(readEncrypt(sealed));
      const opened = await later.opening(oldKey.id)?.open(parts);
      expect(opened).toEqual(utf8("kept since yesterday"));
    });

    test("without rotation a function refuses to sign with an operational key past its end", async () => {
      const { ports, runtime } = setUp();
      await rotateKeys(ports);
      runtime.advance(limits.operationalKeyLife);
      await expect(tableCustody(ports, "decide").keys()).rejects.toThrow("rotation is overdue");
    });

    test("a warm function that has not read the table since its key ended does not sign with it", async () => {
      const { ports, runtime } = setUp();
      await rotateKeys(ports);
      const custody = tableCustody(ports, "decide");
      runtime.advance(limits.operationalKeyLife - 1);
      await custody.keys();
      runtime.advance(1);
      await expect(custody.keys()).rejects.toThrow("rotation is overdue");
    });

    test("a table that belongs to another root key is refused and left as it was", async () => {
      const { ports, store } = setUp();
      await rotateKeys(ports);
      const before = store.items();
      const other = await memoryKeyService(seededRandom("another root"));
      await expect(rotateKeys({ ...ports, keyService: other })).rejects.toThrow("another root key");
      expect(store.items()).toEqual(before);
    });

    test("a function unwraps once at a cold start, under its own purpose, and never while it is warm", async () => {
      const { ports, runtime, unwrapped } = setUp();
      const { network } = await rotateKeys(ports);
      for (const purpose of signingPurposes) {
        unwrapped.length = 0;
        const custody = tableCustody(ports, purpose);
        await Promise.all([custody.keys(), custody.keys()]);
        expect(unwrapped).toEqual([{ "lepta:network": network, "lepta:purpose": purpose }]);
        for (let hour = 0; hour < 11; hour += 1) {
          runtime.advance(1000);
          await custody.keys();
          await custody.refreshed();
          await custody.keys();
        }
        expect(unwrapped).toHaveLength(1);
      }
    });

    test("a key that is not known makes a function look again, at most once a second", async () => {
      const { ports, runtime } = setUp();
      await rotateKeys(ports);
      const custody = tableCustody(ports, "decide");
      await custody.keys();
      runtime.advance(999);
      await expect(custody.refreshed()).rejects.toThrow(StoreBusy);
      runtime.advance(1);
      expect((await custody.refreshed()).signing.purpose).toBe("decide");
      await expect(custody.refreshed()).rejects.toThrow(StoreBusy);
    });

    test("private halves are removed when nothing needs them any more; certificates and newer keys stay", async () => {
      const { ports, runtime, store } = setUp();
      await rotateKeys(ports);
      const { operational } = await readKeyTable(store);
      const end = runtime.now() + limits.operationalKeyLife;
      const left = async (): Promise<readonly string[]> => {
        await rotateKeys(ports);
        const { operational: now } = await readKeyTable(store);
        return operational
          .filter(({ id }) => now.some((each) => each.id === id))
          .map(({ purpose }) => purpose);
      };
      const day = 24 * 60 * 60 * 1000;
      runtime.set(end + 7 * day - 1);
      expect(await left()).toHaveLength(4);
      runtime.set(end + 7 * day);
      expect(await left()).toEqual(["seal"]);
      runtime.set(end + 90 * day - 1);
      expect(await left()).toEqual(["seal"]);
      runtime.set(end + 90 * day);
      expect(await left()).toEqual([]);
      for (const { id, certificate } of operational) {
        const [kept] = await store.get([keyItems.certificate(id)]);
        expect(kept?.certificate).toEqual(certificate);
        expect(Object.keys(kept ?? {}).sort()).toEqual(["certificate", "notAfter", "ttl"]);
      }
    });

    test("two rotations at once agree on one root and every key works", async () => {
      const { ports } = setUp();
      const [one, two] = await Promise.all([rotateKeys(ports), rotateKeys(ports)]);
      expect(one.network).toBe(two.network);
      for (const purpose of signingPurposes)
        expect((await tableCustody(ports, purpose).keys()).network).toBe(one.network);
    });

    test("a refresh that fails leaves the keys from before in use", async () => {
      const { ports, runtime } = setUp();
      await rotateKeys(ports);
      let fails = false;
      const store: Store = {
        ...ports.store,
        list: (pk, options) => (fails ? Promise.reject(new Error("away")) : ports.store.list(pk, options)),
      };
      const custody = tableCustody({ ...ports, store }, "decide");
      const { signing } = await custody.keys();
      fails = true;
      runtime.advance(1000);
      await expect(custody.refreshed()).rejects.toThrow("away");
      expect((await custody.keys()).signing.key.id).toBe(signing.key.id);
    });

    test("a rotation does not make a warm function unwrap again", async () => {
      const { ports, runtime, unwrapped } = setUp();
      await rotateKeys(ports);
      const custody = tableCustody(ports, "decide");
      await custody.keys();
      runtime.advance(limits.operationalKeyLife / 2);
      await rotateKeys(ports);
      unwrapped.length = 0;
      const { signing } = await custody.keys();
      expect(signing.certificate).toBeDefined();
      expect(unwrapped).toEqual([]);
    });

    test("only the deciding function holds epoch roots, and every one of them opens what is sealed to the broker", async () => {
      const { ports, store } = setUp();
      await rotateKeys(ports);
      const seal = (await readKeyTable(store)).operational.find(({ purpose }) => purpose === "seal");
      for (const purpose of signingPurposes) {
        const keys = await tableCustody(ports, purpose).keys();
        expect(keys.epochRoot(1)?.length).toBe(purpose === "decide" ? 32 : undefined);
        expect(keys.opening(seal?.id ?? "")?.id).toBe(seal?.id);
        expect(keys.signing.purpose).toBe(purpose);
      }
    });

    test("another purpose's wrapped keys do not open under this purpose's data key", async () => {
      const { ports, store } = setUp();
      const { network } = await rotateKeys(ports);
      const { dataKeys } = await readKeyTable(store);
      const wrapped = dataKeys.get("decide")?.wrapped ?? new Uint8Array(0);
      const context = { "lepta:network": network, "lepta:purpose": "enrol" };
      await expect(keyService.wrapper.unwrap(wrapped, context)).rejects.toThrow(Error);
    });

    test("a key service that fails at a cold start is asked again by the next request", async () => {
      const { ports } = setUp();
      await rotateKeys(ports);
      let failures = 1;
      const flaky: KeyService = {
        ...ports.keyService,
        wrapper: {
          ...ports.keyService.wrapper,
          unwrap: (wrapped, given) => {
            failures -= 1;
            return failures >= 0
              ? Promise.reject(new Error("KMS is away"))
              : keyService.wrapper.unwrap(wrapped, given);
          },
        },
      };
      const custody = tableCustody({ ...ports, keyService: flaky }, "decide");
      await expect(custody.keys()).rejects.toThrow("KMS is away");
      expect((await custody.keys()).signing.purpose).toBe("decide");
    });
  });
});
