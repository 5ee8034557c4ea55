/** The function `keys`: public, holds no key. */
import type { Suite } from "@lepta/protocol";
import type { Environment } from "../environment.ts";
import { showKeys } from "../pipeline/show-keys.ts";
import { smallestUnit } from "../rail/sandbox.ts";
import { entry, type Factory } from "./function.ts";
import { type HttpHandler, httpHandler } from "./http.ts";

export const createKeys: Factory<HttpHandler> = ({ store, suite, environment, runtime, observer }) =>
  httpHandler(observer, {
    "GET /keys": () => showKeys(store, shownBy(suite, environment), runtime.now(), environment.table),
  });

const shownBy = (suite: Suite, { policy: { currency }, rail }: Environment) => ({
  suite: suite.name,
  currency,
  rail,
  unit: Number(smallestUnit(currency)),
});

export const handler = entry(createKeys);
