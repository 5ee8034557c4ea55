/** Routes and their prices: a bad one is told at start with its name, and no spelling of a path goes around one. */
import { memoryPeerStore, paywall, type Routes } from "@lepta/peer-sdk";
import { limits } from "@lepta/protocol";
import { describe, expect, test } from "vitest";
import { PricedRoutes } from "../../../peer-sdk/src/paywall/routes.ts";
import { createWorld } from "../support/world.ts";
import { createWall } from "./support/wall.ts";

const read = (routes: Routes, below: bigint = limits.statementBelow): PricedRoutes =>
  new PricedRoutes(routes, below);

describe("a bad price fails at start with its route's name", () => {
  test.each([
    ["EUR 0"],
    ["EUR -0.02"],
    ["EUR 0.0000001"],
    ["0.02"],
    ["EUR"],
    ["eur 0.02"],
    ["EUR 1e-2"],
    ["EUR 0,02"],
    [0.02],
    [undefined],
    [null],
    [{ unit: "token", price: "EUR 0.00001" }],
    [{ unit: "token", price: "EUR 0.00001", max: "USD 0.05" }],
    [{ unit: "token", price: "EUR 0.01", max: "EUR 0.005" }],
    [{ unit: "token", price: "EUR 0.000001", max: "EUR 2.00" }],
    [{ unit: "token", price: "EUR 0.20", max: "EUR 2.00" }],
    [{ unit: "", price: "EUR 0.00001", max: "EUR 0.05" }],
    [{ unit: "a token", price: "EUR 0.00001", max: "EUR 0.05" }],
  ])("%j", (price) => {
    expect(() => read({ "GET /report": price as string })).toThrow(/GET \/report/);
  });

  test("also where nothing is sold on lanes, and a route is metered", () => {
    expect(() => read({ "POST /ask": { unit: "token", price: "EUR 0.00001", max: "EUR 0.05" } }, 0n)).toThrow(
      /POST \/ask/,
    );
  });

  test("before anything is opened or served", async () => {
    await expect(createWall({ "GET /report": "EUR nothing" })).rejects.toMatchObject({ code: "bad-amount" });
  });
});

test.each(["report", "get /report", "GET report", "GET", "/report", `GET /${"x".repeat(64)}`])(
  "%j is no route",
  (sku) => {
    expect(() => read({ [sku]: "EUR 0.02" })).toThrow(expect.objectContaining({ code: "malformed" }));
  },
);

describe("a path", () => {
  const routes = read({
    "GET /report": "EUR 0.02",
    "GET /stories/:name": "EUR 0.01",
    "POST /ask/*": "EUR 0.03",
  });
  const skuOf = (method: string, path: string): string | undefined => routes.match(method, path)?.sku;

  test.each(["/report", "/REPORT", "/report/", "//report", "/%72eport", "/Report//"])(
    "%s has the price of /report, as servers that match loosely serve it",
    (path) => {
      expect(skuOf("GET", path)).toBe("GET /report");
      expect(skuOf("HEAD", path)).toBe("GET /report");
    },
  );

  test("has the price of its method alone", () => {
    expect(skuOf("POST", "/report")).toBeUndefined();
    expect(skuOf("GET", "/ask/anything")).toBeUndefined();
  });

  test("fits a segment by its name, and a last star by any rest", () => {
    expect(skuOf("GET", "/stories/17")).toBe("GET /stories/:name");
    expect(skuOf("GET", "/stories/17/more")).toBeUndefined();
    expect(skuOf("GET", "/stories")).toBeUndefined();
    expect(skuOf("POST", "/ask")).toBe("POST /ask/*");
    expect(skuOf("POST", "/ask/a/b")).toBe("POST /ask/*");
  });

  test("that is no percent-encoding stands for itself", () => {
    expect(skuOf("GET", "/stories/%zz")).toBe("GET /stories/:name");
  });
});

test("a paywall that is served to others needs an address to name in its challenges", async () => {
  const world = await createWorld({ sessions: true });
  const opening = paywall({
    broker: world.broker,
    store: memoryPeerStore(),
    runtime: world.runtime,
    transport: world.transport,
    routes: { "GET /report": "EUR 0.02" },
    host: "0.0.0.0",
  });
  await expect(opening).rejects.toMatchObject({ code: "malformed" });
  await world.close();
});
