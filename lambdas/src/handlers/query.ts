/** The function `query`. */
import { queryTransaction } from "../pipeline/ask-transaction.ts";
import { brokerFor } from "../wiring.ts";
import { entry, type Factory } from "./function.ts";
import { type HttpHandler, httpHandler } from "./http.ts";

export const createQuery: Factory<HttpHandler> = (wiring) => {
  const broker = brokerFor(wiring, "decide");
  return httpHandler({ "POST /query": (body) => queryTransaction(broker, body) });
};

export const handler = entry(createQuery);
