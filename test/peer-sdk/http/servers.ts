/** One shop on four servers, with handlers as each server's users write them. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import { serve } from "@hono/node-server";
import { expressPaywall } from "@lepta/peer-sdk/express";
import { fastifyPaywall } from "@lepta/peer-sdk/fastify";
import { honoPaywall } from "@lepta/peer-sdk/hono";
import { nodePaywall, type PaidRequest } from "@lepta/peer-sdk/node";
import express, {
  type Request as ExpressRequest,
  type Response as ExpressResponse,
  type NextFunction,
} from "express";
import fastify, { type FastifyBaseLogger, type FastifyReply, type FastifyRequest } from "fastify";
import { type Context, Hono } from "hono";
import type { Payment, Paywall } from "../../../peer-sdk/src/http/paywall-port.ts";

export interface Shop {
  readonly port: number;
  close(): Promise<void>;
}

/** What happens on a server, for the tests to see and to hold up. */
export interface Story {
  /** What its error handling was told. */
  readonly told: string[];
  /** What ran. */
  readonly ran: string[];
  /** Handlers that send in two parts wait for this between them. */
  between: Promise<void>;
}

/** The articles: fixed prices, and one by a meter. */
export const PRICED = [
  "GET /report",
  "POST /echo",
  "POST /raw",
  "GET /cookies",
  "GET /nothing",
  "GET /unchanged",
  "GET /throws",
  "GET /refuses",
  "GET /halves",
  "GET /huge",
  "GET /metered",
  "GET /metered/breaks",
] as const;

/** As long as a body may be at a paywall, and longer. */
const BODY_LIMIT = 8 * 1024 * 1024;
export const BINARY = Uint8Array.from({ length: 256 }, (_, i) => i);
const COOKIES = ["a=1; Path=/", "b=2, 3; Path=/"];
const HUGE = new Uint8Array(1024 * 1024);

type Start = (gate: Paywall, story: Story) => Promise<Shop>;

const startNode: Start = async (gate, story) => {
  const told = (error: unknown): void => void story.told.push((error as Error).message);
  const handler = async (request: PaidRequest, response: ServerResponse): Promise<void> => {
    const { pathname } = new URL(request.url ?? "/", "http://x");
    story.ran.push(pathname);
    response.setHeader("x-goods", "yes");
    switch (pathname.toLowerCase()) {
      case "/report":
        response.setHeader("content-type", "application/json");
        return void response.end(JSON.stringify({ for: request.payment?.customer }));
      case "/echo":
        return void response
          .writeHead(201, "Echoed")
          .end(JSON.stringify(JSON.parse((await drain(request)).toString())));
      case "/raw":
      case "/free":
        return void response.end(String((await drain(request)).length));
      case "/cookies":
        response.writeHead(200, [
          ...COOKIES.flatMap((each) => ["set-cookie", each]),
          "content-type",
          "image/png",
        ]);
        response.write(BINARY.subarray(0, 100));
        return void response.end(BINARY.subarray(100));
      case "/nothing":
        return void response.writeHead(204).end();
      case "/unchanged":
        return void response.writeHead(304, { etag: '"1"' }).end();
      case "/throws":
        throw new Error("the handler failed");
      case "/refuses":
        return void response.writeHead(503).end("later");
      case "/halves":
        response.write("half");
        throw new Error("the handler failed");
      case "/huge":
        for (let i = 0; i < 17; i += 1) response.write(HUGE);
        return void response.end();
      case "/metered":
      case "/flow":
        for await (const part of parts(story, request.payment)) response.write(part);
        return void response.end();
      case "/metered/breaks":
        response.write("half");
        await story.between;
        throw new Error("the handler failed");
      default:
        return void response.writeHead(404).end();
    }
  };
  return listening(createServer(nodePaywall(gate, handler, { onError: told })));
};

const startExpress: Start = async (gate, story) => {
  const app = express();
  app.use((_: ExpressRequest, response: ExpressResponse, next: NextFunction) => {
    response.setHeader("x-every", "answer");
    next();
  });
  app.use(expressPaywall(gate));
  app.use(express.json({ limit: BODY_LIMIT }));
  app.use((request: ExpressRequest, response: ExpressResponse, next: NextFunction) => {
    story.ran.push(request.path);
    response.setHeader("x-goods", "yes");
    next();
  });
  app.get("/report", (request, response) => void response.json({ for: request.payment?.customer }));
  app.post("/echo", (request, response) => void response.status(201).json(request.body));
  app.post(
    ["/raw", "/free"],
    async (request, response) => void response.send(String((await drain(request)).length)),
  );
  app.get("/cookies", (_, response) => {
    for (const each of COOKIES) response.append("set-cookie", each);
    Readable.from([BINARY.subarray(0, 100), BINARY.subarray(100)], { objectMode: false }).pipe(
      response.type("png"),
    );
  });
  app.get("/nothing", (_, response) => void response.sendStatus(204));
  app.get("/unchanged", (_, response) => void response.status(304).set("etag", '"1"').end());
  app.get("/throws", () => {
    throw new Error("the handler failed");
  });
  app.get("/refuses", (_, response) => void response.status(503).send("later"));
  app.get("/halves", (_, response, next) => {
    response.write("half");
    next(new Error("the handler failed"));
  });
  app.get("/huge", (_, response) => {
    for (let i = 0; i < 17; i += 1) response.write(HUGE);
    response.end();
  });
  app.get(["/metered", "/flow"], async (request, response) => {
    for await (const part of parts(story, request.payment)) response.write(part);
    response.end();
  });
  app.get("/metered/breaks", async (_, response) => {
    response.write("half");
    await story.between;
    throw new Error("the handler failed");
  });
  app.use((error: Error, _: ExpressRequest, response: ExpressResponse, next: NextFunction) => {
    story.told.push(error.message);
    if (response.headersSent) return next(error);
    response.status(500).send("told");
  });
  app.set("env", "test");
  return listening(createServer(app));
};

const startFastify: Start = async (gate, story) => {
  const app = fastify({ bodyLimit: BODY_LIMIT, forceCloseConnections: true, loggerInstance: silent(story) });
  app.addHook("onRequest", async (_, reply) => void reply.header("x-every", "answer"));
  await app.register(fastifyPaywall(gate));
  app.addHook("preHandler", async (request, reply) => {
    story.ran.push(request.url);
    reply.header("x-goods", "yes");
  });
  const paidBy = (request: FastifyRequest): Payment | undefined => (request as { payment?: Payment }).payment;
  const length = async ({ body }: FastifyRequest): Promise<string> => String((body as Buffer).length);
  const stream = (request: FastifyRequest, reply: FastifyReply) =>
    reply.send(Readable.from(parts(story, paidBy(request)), { objectMode: false, highWaterMark: 1 }));
  app.addContentTypeParser("application/octet-stream", { parseAs: "buffer" }, (_, body, done) =>
    done(null, body),
  );
  app.get("/report", async (request) => ({ for: paidBy(request)?.customer }));
  app.post("/echo", async (request, reply) => reply.code(201).send(request.body));
  app.post("/raw", length);
  app.post("/free", length);
  app.get("/cookies", async (_, reply) => {
    for (const each of COOKIES) reply.header("set-cookie", each);
    return reply.type("image/png").send(Buffer.from(BINARY));
  });
  app.get("/nothing", async (_, reply) => reply.code(204).send());
  app.get("/unchanged", async (_, reply) => reply.code(304).header("etag", '"1"').send());
  app.get("/throws", async () => {
    throw new Error("the handler failed");
  });
  app.get("/refuses", async (_, reply) => reply.code(503).send("later"));
  app.get("/halves", async (_, reply) => {
    reply.raw.write("half");
    throw new Error("the handler failed");
  });
  app.get("/huge", async (_, reply) =>
    reply.send(Readable.from(Array(17).fill(HUGE), { objectMode: false })),
  );
  app.get("/metered", stream);
  app.get("/flow", stream);
  app.get("/metered/breaks", (_, reply) => reply.send(Readable.from(halves(story), { objectMode: false })));
  app.setErrorHandler((error: Error, _, reply) => {
    story.told.push(error.message);
    return reply.code(500).send("told");
  });
  await app.listen({ port: 0, host: "127.0.0.1" });
  return { port: (app.server.address() as AddressInfo).port, close: () => app.close() };
};

const startHono: Start = async (gate, story) => {
  const app = new Hono<{ Variables: { payment: Payment | undefined } }>({ strict: false });
  app.use(async (context, next) => {
    context.header("x-every", "answer");
    await next();
  });
  app.use(honoPaywall(gate));
  app.use(async (context, next) => {
    story.ran.push(context.req.path);
    context.header("x-goods", "yes");
    await next();
  });
  const stream = (context: Context) =>
    context.body(Readable.toWeb(Readable.from(parts(story, context.get("payment")))) as ReadableStream);
  app.get("/report", (context) => context.json({ for: context.get("payment")?.customer }));
  app.post("/echo", async (context) => context.json(await context.req.json(), 201));
  app.on("POST", ["/raw", "/free"], async (context) =>
    context.text(String((await context.req.arrayBuffer()).byteLength)),
  );
  app.get("/cookies", (context) => {
    for (const each of COOKIES) context.header("set-cookie", each, { append: true });
    return context.body(BINARY.slice().buffer, 200, { "content-type": "image/png" });
  });
  app.get("/nothing", (context) => context.body(null, 204));
  app.get("/unchanged", (context) => context.body(null, 304, { etag: '"1"' }));
  app.get("/throws", () => {
    throw new Error("the handler failed");
  });
  app.get("/refuses", (context) => context.text("later", 503));
  app.get("/halves", () => {
    throw new Error("the handler failed");
  });
  app.get("/huge", (context) =>
    context.body(Readable.toWeb(Readable.from(Array(17).fill(HUGE))) as ReadableStream),
  );
  app.get("/metered", stream);
  app.get("/flow", stream);
  app.get("/metered/breaks", (context) =>
    context.body(Readable.toWeb(Readable.from(halves(story))) as ReadableStream),
  );
  app.onError((error, context) => {
    story.told.push(error.message);
    return context.text("told", 500);
  });
  const { promise, resolve } = Promise.withResolvers<number>();
  const server = serve({ fetch: app.fetch, port: 0, hostname: "127.0.0.1" }, ({ port }) =>
    resolve(port),
  ) as Server;
  return { port: await promise, close: () => closed(server) };
};

export const servers: Readonly<Record<string, Start>> = {
  "node:http": startNode,
  Express: startExpress,
  Fastify: startFastify,
  Hono: startHono,
};

/** Two parts, paid for by the meter where there is one. */
async function* parts(story: Story, payment: Payment | undefined): AsyncGenerator<Buffer> {
  await payment?.use?.(1);
  yield Buffer.from("one,");
  await story.between;
  await payment?.use?.(2);
  yield Buffer.from("two");
}

async function* halves(story: Story): AsyncGenerator<Buffer> {
  yield Buffer.from("half");
  await story.between;
  throw new Error("the handler failed");
}

async function drain(request: IncomingMessage): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", () => resolve(Buffer.concat(chunks)));
  request.on("error", reject);
  return promise;
}

function silent(story: Story): FastifyBaseLogger {
  const nothing = (): void => undefined;
  const error = (each: unknown): void => {
    if (each instanceof Error) story.told.push(each.message);
  };
  const log: FastifyBaseLogger = {
    level: "error",
    fatal: nothing,
    error,
    warn: nothing,
    info: nothing,
    debug: nothing,
    trace: nothing,
    silent: nothing,
    child: () => log,
  };
  return log;
}

async function listening(server: Server): Promise<Shop> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { port: (server.address() as AddressInfo).port, close: () => closed(server) };
}

async function closed(server: Server): Promise<void> {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
}
