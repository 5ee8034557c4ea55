/** The function `keys`: public, holds no key. */
import { showKeys } from "../pipeline/show-keys.ts";
import { entry, type Factory } from "./function.ts";
import { type HttpHandler, httpHandler } from "./http.ts";

export const createKeys: Factory<HttpHandler> = ({ store, suite, environment, runtime }) =>
  httpHandler({
    "GET /keys": () =>
      showKeys(
        store,
        { suite: suite.name, currency: environment.policy.currency, rail: environment.rail },
        runtime.now(),
      ),
  });

export const handler = entry(createKeys);
