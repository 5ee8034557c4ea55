/** Ports of this machine that nobody has. */
import { createServer } from "node:net";

export interface Ports {
  readonly broker: number;
  readonly merchant: number;
  readonly page: number;
  readonly site: number;
}

/** Ports tried beyond the one that was wished for. */
const TRIES = 50;

/** The ports wished for, or where one is taken the next that is free: it is said so. 0 takes any. */
export async function freePorts(wished: Ports, print: (line: string) => void): Promise<Ports> {
  const chosen = new Set<number>();
  const choose = async (name: keyof Ports): Promise<number> => {
    const first = wished[name];
    if (first === 0) return 0;
    const others = Object.entries(wished).flatMap(([other, port]) => (other === name ? [] : [port]));
    for (let port = first; port < first + TRIES && port <= LAST; port += 1) {
      const isReserved = chosen.has(port) || (port !== first && others.includes(port));
      if (isReserved || !(await isFree(port))) continue;
      chosen.add(port);
      if (port !== first) print(`Port ${first} is taken: the ${name} is on ${port}.`);
      return port;
    }
    throw new Error(`no port from ${first} on is free for the ${name}`);
  };
  return {
    broker: await choose("broker"),
    merchant: await choose("merchant"),
    page: await choose("page"),
    site: await choose("site"),
  };
}

const LAST = 65_535;

const isFree = (port: number): Promise<boolean> =>
  new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", (error: NodeJS.ErrnoException) =>
      error.code === "EADDRINUSE" || error.code === "EACCES" ? resolve(false) : reject(error),
    );
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
