/** Every byte that each party received, sealed and opened with that party's own keys, searched for what it must not learn. */
import { brokerFor } from "@lepta/lambdas";
import {
  type BrokerTransport,
  type Catalogue,
  type ConnectChannel,
  type Merchant,
  memoryPeerStore,
  type PeerStore,
  type Wallet,
} from "@lepta/peer-sdk";
import {
  type Cbor,
  decodeCbor,
  isRefusal,
  type OpeningKey,
  readEncrypt,
  Tagged,
  toText,
  utf8,
} from "@lepta/protocol";
import { afterAll, beforeAll, expect, test } from "vitest";
import { customerTables } from "../../peer-sdk/src/customer/records.ts";
import { Hand } from "../peer-sdk/support/hand.ts";
import { codeOf, createWorld, type World } from "../peer-sdk/support/world.ts";

const NEWS = "ws://news.example/pay";
const ACCOUNT = "NL91ABNA0417164300";
const MERCHANTS_ACCOUNT = "GB82WEST12345698765432";
const MANDATE = "sandbox";
const SKU = "how-to-leave-a-cult";
const DESCRIPTION = "What nobody is to know that I read";
const GOODS = "chapter one: the very private text";

const catalogue: Catalogue = {
  [SKU]: { price: "EUR 0.02", description: DESCRIPTION, deliver: () => GOODS },
  broken: {
    price: "EUR 0.02",
    description: DESCRIPTION,
    deliver: () => {
      throw new Error("out of paper");
    },
  },
};

/** The way of some bytes. */
type Way = "C→B" | "B→C" | "M→B" | "B→M" | "C→M" | "M→C";
const seen: { readonly way: Way; readonly bytes: Uint8Array }[] = [];
const note = (way: Way, bytes: Uint8Array | undefined): void => {
  if (bytes !== undefined) seen.push({ way, bytes });
};

let world: World;
let wallet: Wallet;
let news: Merchant;
let shelf: PeerStore;
let store: PeerStore;
/** Every CustomerSecret that the wallet ever held. */
const secrets = new Map<string, Uint8Array>();
let keysOf: Readonly<Record<"B" | "M" | "C", (kid: string) => OpeningKey | undefined>>;

beforeAll(async () => {
  world = await createWorld();
  const recorded =
    (who: "C" | "M"): BrokerTransport =>
    async (method, url, body) => {
      note(`${who}→B`, body);
      const answer = await world.transport(method, url, body);
      note(`B→${who}`, answer.body);
      return answer;
    };
  const connect: ConnectChannel = async (url) => {
    const channel = await world.connect(url);
    return {
      get isOpen() {
        return channel.isOpen;
      },
      request: async (messages) => {
        for (const each of messages) note("C→M", each);
        const answers = await channel.request(messages);
        for (const each of answers) note("M→C", each);
        return answers;
      },
      close: () => channel.close(),
    };
  };
  shelf = memoryPeerStore();
  const inner = memoryPeerStore();
  store = {
    ...inner,
    commit: async (changes) => {
      await inner.commit(changes);
      const tables = customerTables(inner);
      for (const [, { secret }] of [...(await tables.vendorscrip.list()), ...(await tables.purse.list())])
        secrets.set(toText(secret), secret);
    },
  };
  news = await world.merchant(NEWS, {
    store: shelf,
    catalogue,
    transport: recorded("M"),
    account: MERCHANTS_ACCOUNT,
    mandate: MANDATE,
  });
  wallet = await world.wallet({
    store,
    transport: recorded("C"),
    connect,
    account: ACCOUNT,
    mandate: MANDATE,
  });
  await wallet.topUp("EUR 1.00");
  await wallet.offers(NEWS);
  for (let i = 0; i < 3; i += 1) await wallet.buy(NEWS, SKU, { max: "EUR 0.02" });
  await wallet.topUp("EUR 1.00");
  await wallet.obtain(NEWS, "EUR 0.30");
  await codeOf(wallet.buy(NEWS, "broken", { max: "EUR 0.02" }));
  await codeOf(wallet.buy(NEWS, "nothing", { max: "EUR 0.02" }));
  await codeOf(wallet.buy(NEWS, SKU, { max: "EUR 0.01" }));
  await wallet.flushNotices();
  await news.flushNotices();

  const broker = await brokerFor(world.wiring, "decide").custody.keys();
  const keyOf = async (of: PeerStore) => {
    const options = { store: of, broker: world.broker, transport: world.transport, runtime: world.runtime };
    const { opening } = (await Hand.open(options)).party.identity;
    return (kid: string) => (kid === opening.id ? opening : undefined);
  };
  keysOf = { B: broker.opening, M: await keyOf(shelf), C: await keyOf(inner) };
});
afterAll(() => world.close());

/** The bytes and all that can be had out of them with these keys: seals opened, byte strings taken out, again and again. */
async function reveal(
  bytes: Uint8Array,
  key: (kid: string) => OpeningKey | undefined,
): Promise<readonly Uint8Array[]> {
  const found: Uint8Array[] = [bytes];
  const sealed = readEncrypt(bytes);
  if (!isRefusal(sealed)) {
    const plaintext = await key(sealed.kid)?.open(sealed);
    if (plaintext !== undefined && !isRefusal(plaintext)) {
      // A mark and zeros follow the content.
      const end = plaintext.lastIndexOf(0x80);
      found.push(...(await reveal(plaintext.subarray(0, end), key)));
    }
  }
  const item = decodeCbor(bytes);
  if (!isRefusal(item)) for (const inner of byteStrings(item)) found.push(...(await reveal(inner, key)));
  return found;
}

function byteStrings(item: Cbor): readonly Uint8Array[] {
  if (item instanceof Uint8Array) return [item];
  if (item instanceof Tagged) return byteStrings(item.value);
  if (item instanceof Map) return [...item.values()].flatMap((value) => byteStrings(value as Cbor));
  if (Array.isArray(item)) return (item as readonly Cbor[]).flatMap(byteStrings);
  return [];
}

async function revealed(ways: readonly Way[], to: "B" | "M" | "C"): Promise<readonly Uint8Array[]> {
  const messages = seen.filter(({ way }) => ways.includes(way));
  expect(messages.length).toBeGreaterThan(3);
  return (await Promise.all(messages.map(({ bytes }) => reveal(bytes, keysOf[to])))).flat();
}

const holds = (haystack: readonly Uint8Array[], needle: Uint8Array): boolean =>
  haystack.some((bytes) => Buffer.from(bytes).includes(Buffer.from(needle)));
const tells = (haystack: readonly Uint8Array[], text: string): boolean => holds(haystack, utf8(text));
const stored = async (of: PeerStore): Promise<readonly Uint8Array[]> =>
  (await of.list("")).flatMap(([key, value]) => [utf8(key), value]);

/** What the table says, by the key of its item. */
const itemsWith = (needle: Uint8Array): readonly string[] =>
  world.table
    .items()
    .filter(({ key, item }) => {
      const values = [key.pk, key.sk, ...Object.values(item)];
      return values.some((value) =>
        Buffer.from(value instanceof Uint8Array ? value : utf8(String(value))).includes(Buffer.from(needle)),
      );
    })
    .map(({ key }) => `${key.pk} / ${key.sk}`);

test("the search finds what is there: the merchant does read the order, the broker the account", async () => {
  const atMerchant = await revealed(["C→M"], "M");
  expect(tells(atMerchant, SKU)).toBe(true);
  expect(tells(atMerchant, DESCRIPTION)).toBe(true);
  expect(tells(await revealed(["C→B"], "B"), ACCOUNT)).toBe(true);
  expect(tells(await revealed(["M→C"], "C"), GOODS)).toBe(true);
  expect(secrets.size).toBeGreaterThan(5);
  const atCustomer = await revealed(["M→C", "B→C"], "C");
  for (const secret of secrets.values()) expect(holds(atCustomer, secret)).toBe(true);
});

test("account identifiers never reach a merchant", async () => {
  const received = await revealed(["C→M", "B→M"], "M");
  expect(tells(received, ACCOUNT)).toBe(false);
  expect(tells(await stored(shelf), ACCOUNT)).toBe(false);
});

test("a merchant's account identifier never reaches a customer", async () => {
  expect(tells(await revealed(["M→C", "B→C"], "C"), MERCHANTS_ACCOUNT)).toBe(false);
  expect(tells(await stored(store), MERCHANTS_ACCOUNT)).toBe(false);
});

test("an account identifier travels once, to the broker, in the enrolment", async () => {
  const carrying: string[] = [];
  for (const { way, bytes } of seen) if (tells(await reveal(bytes, keysOf.B), ACCOUNT)) carrying.push(way);
  expect(carrying).toEqual(["C→B"]);
});

test("at the broker an account identifier is only in the enrolment and the credential, and at the bank", () => {
  const kinds = itemsWith(utf8(ACCOUNT)).map((name) => name.replace(/#[^ ]*/g, "").replace(/TXN.*/, "TXN"));
  expect(new Set(kinds)).toEqual(
    new Set(["PEER / CREDENTIAL", "PEER / TXN", "BANKACCOUNT / EUR", "BANKCHARGE / CHARGE"]),
  );
  // Of the transactions it is the enrolment alone.
  const names = new Set(itemsWith(utf8(ACCOUNT)));
  const transactions = world.table
    .items()
    .filter(({ key }) => key.sk.startsWith("TXN#") && names.has(`${key.pk} / ${key.sk}`));
  expect(transactions.map(({ item }) => item.kind)).toEqual(["enrol"]);
});

test("order information never reaches the broker", async () => {
  const received = await revealed(["C→B", "M→B"], "B");
  for (const secret of [SKU, DESCRIPTION, GOODS, "broken"]) {
    expect(tells(received, secret), secret).toBe(false);
    expect(itemsWith(utf8(secret)), secret).toEqual([]);
  }
});

test("nothing of it is on the wire in the clear", () => {
  const wire = seen.map(({ bytes }) => bytes);
  for (const secret of [SKU, DESCRIPTION, GOODS, ACCOUNT, MERCHANTS_ACCOUNT])
    expect(tells(wire, secret), secret).toBe(false);
  for (const secret of secrets.values()) expect(holds(wire, secret)).toBe(false);
});

test("a customer never sends a CustomerSecret, not even under a seal", async () => {
  const sent = [...(await revealed(["C→M"], "M")), ...(await revealed(["C→B", "M→B"], "B"))];
  for (const secret of secrets.values()) expect(holds(sent, secret)).toBe(false);
});

test("neither the broker's table nor the merchant's store holds a CustomerSecret", async () => {
  const shelved = await stored(shelf);
  for (const secret of secrets.values()) {
    expect(itemsWith(secret)).toEqual([]);
    expect(holds(shelved, secret)).toBe(false);
  }
});

test("a merchant is not told why the broker refused", async () => {
  const told = await revealed(["B→M"], "M");
  for (const reason of ["insufficient", "scrip-spent", "scrip-forged"])
    expect(tells(told, reason)).toBe(false);
});

test("sealed lengths tell nothing about a balance: they come in steps of 256 bytes", () => {
  const lengths = seen
    .map(({ bytes }) => readEncrypt(bytes))
    .filter((sealed) => !isRefusal(sealed))
    .map((sealed) => (isRefusal(sealed) ? 0 : sealed.body.content.length - 16));
  expect(lengths.length).toBeGreaterThan(20);
  expect(new Set(lengths.map((length) => length % 256))).toEqual(new Set([0]));
});
