/** The function `query`: how transactions and accounts stand. */
import { queryTransaction } from "../pipeline/ask-transaction.ts";
import { showAccount } from "../pipeline/show-account.ts";
import { brokerFor } from "../wiring.ts";
import { entry, type Factory } from "./function.ts";
import { type HttpHandler, httpHandler } from "./http.ts";

export const createQuery: Factory<HttpHandler> = (wiring) => {
  const broker = brokerFor(wiring, "decide");
  return httpHandler(wiring.observer, {
    "POST /query": (body) => queryTransaction(broker, body),
    "POST /account": (body) => showAccount(broker, body),
  });
};

export const handler = entry(createQuery);
