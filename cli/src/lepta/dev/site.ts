/** A site whose pages are paid for over HTTP: what `lepta pay` and a fetch that pays can be tried on. */
import { createServer, type ServerResponse } from "node:http";
import type { Goods, OpenPaywall, Routes } from "@lepta/peer-sdk";
import { nodePaywall, type PaidRequest } from "@lepta/peer-sdk/node";
import { sampleArticles } from "./articles.ts";

/** A fixed price, and one for each word. */
export const SITE_ROUTES: Routes = {
  "GET /stories/:name": "EUR 0.01",
  "GET /read-aloud": { unit: "word", price: "EUR 0.00001", max: "EUR 0.01" },
};

export interface Site {
  readonly url: string;
  close(): Promise<void>;
}

/** Serves it on this machine. */
export async function startSite(wall: OpenPaywall, port: number): Promise<Site> {
  const server = createServer(nodePaywall(wall, answer));
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", resolve);
  });
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the site has no port");
  return {
    url: `http://127.0.0.1:${address.port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function answer(request: PaidRequest, response: ServerResponse): Promise<void> {
  const { pathname } = new URL(request.url ?? "/", "http://127.0.0.1");
  if (pathname === "/read-aloud") return readAloud(request, response);
  const story = sampleArticles.find(({ sku }) => pathname === `/stories/${sku}`);
  if (story !== undefined) return end(response, 200, `${story.title}\n\n${textOf(story.goods)}\n`);
  // A story that there is not is not charged for.
  if (pathname.startsWith("/stories/")) return end(response, 404, "There is no such story.\n");
  return end(response, 200, `Stories:\n${sampleArticles.map(({ sku }) => `  /stories/${sku}\n`).join("")}`);
}

/** A word at a time, each paid for when it was said. */
async function readAloud({ payment }: PaidRequest, response: ServerResponse): Promise<void> {
  const [first] = sampleArticles;
  response.writeHead(200, { "content-type": TEXT });
  for (const word of textOf(first?.goods).split(/(?<=\s)/)) {
    response.write(word);
    await payment?.use?.(1);
  }
  response.end("\n");
}

const TEXT = "text/plain; charset=utf-8";

function end(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { "content-type": TEXT }).end(text);
}

const textOf = (goods: string | Goods = ""): string => (typeof goods === "string" ? goods : goods.text());
