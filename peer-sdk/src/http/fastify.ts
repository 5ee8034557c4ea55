/** A paywall before a Fastify server's routes. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { pathBehind, runChain } from "./node-chain.ts";
import type { Payment, Paywall } from "./paywall-port.ts";

interface FastifyRequest {
  readonly raw: IncomingMessage;
  readonly originalUrl: string;
  readonly log: { error(error: unknown): void };
  payment?: Payment | undefined;
}

interface FastifyReply {
  readonly raw: ServerResponse;
  getHeaders(): Readonly<Record<string, string | number | string[] | undefined>>;
  hijack(): unknown;
}

type Hook = (request: FastifyRequest, reply: FastifyReply) => Promise<void>;

interface FastifyServer {
  decorateRequest(name: "payment"): unknown;
  addHook(name: "onRequest", hook: Hook): unknown;
}

/** The plugin for `register`, for the routes of the server that it is registered with. */
export function fastifyPaywall(paywall: Paywall): (server: FastifyServer) => Promise<void> {
  const plugin = async (server: FastifyServer): Promise<void> => {
    server.decorateRequest("payment");
    server.addHook("onRequest", async (request, reply) => {
      const { raw, originalUrl: target } = request;
      const path = pathBehind(paywall, raw, target);
      if (path === undefined) return;
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      void runChain(paywall, path, raw, reply.raw, {
        target,
        before: { ...reply.raw.getHeaders(), ...reply.getHeaders() },
        next: (payment) => {
          request.payment = payment;
          resolve();
        },
        skip: () => {
          reply.hijack();
          resolve();
        },
        failed: (error, served) => {
          // Fastify takes the request to be answered, once its handlers have run.
          if (served) request.log.error(error);
          else reject(error);
          return !served;
        },
      });
      return promise;
    });
  };
  // Without it the hook would hold for no route outside of the plugin.
  return Object.assign(plugin, { [Symbol.for("skip-override")]: true });
}
