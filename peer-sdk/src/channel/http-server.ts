/** The server of a site, by what we need of it: its declaration needs no types of Node. */

/** What is needed of a server of node:http or node:https. */
export interface HttpServer {
  address(): string | { readonly address: string; readonly port: number } | null;
  on(event: "upgrade", listener: (request: object, socket: object, head: Uint8Array) => void): unknown;
  off(event: "upgrade", listener: (request: object, socket: object, head: Uint8Array) => void): unknown;
  listenerCount(event: "upgrade"): number;
}
