/** Goods as a page shows them. */
import type { Goods } from "@lepta/peer-sdk";
import { make } from "../make.ts";

/** Text as paragraphs, a picture as one, and all else as a file to keep. Nothing in goods becomes markup or a script. */
export function goodsView(goods: Goods, name: string): HTMLElement {
  const [type = ""] = goods.type.split(";");
  if (type.startsWith("text/plain")) return paragraphs(goods.text());
  if (PICTURES.has(type)) return picture(goods, type, name);
  const link = make("a", { href: blobUrl(goods.bytes, type), download: name }, `Save ${name}`);
  return make("p", {}, link, ` (${type})`);
}

/** Scripts in an SVG that stands in an image do not run. */
const PICTURES: ReadonlySet<string> = new Set([
  "image/png",
  "image/jpeg",
  "image/webp",
  "image/gif",
  "image/avif",
  "image/svg+xml",
]);

function paragraphs(text: string): HTMLElement {
  const parts = text.split(/\n{2,}/).filter((each) => each.trim() !== "");
  return make("div", {}, ...parts.map((each) => make("p", {}, each)));
}

function picture(goods: Goods, type: string, name: string): HTMLElement {
  const url = blobUrl(goods.bytes, type);
  const image = make("img", { src: url, alt: name });
  const forget = () => URL.revokeObjectURL(url);
  image.addEventListener("load", forget, { once: true });
  image.addEventListener("error", forget, { once: true });
  return image;
}

/** Has the browser keep bytes as a file. */
export function saveFile(bytes: Uint8Array, name: string, type: string): void {
  const url = blobUrl(bytes, type);
  make("a", { href: url, download: name }).click();
  // A browser that has begun to save needs the address no more.
  setTimeout(() => URL.revokeObjectURL(url), FORGET_AFTER);
}

/** Milliseconds. */
const FORGET_AFTER = 60_000;

const blobUrl = (bytes: Uint8Array, type: string): string =>
  URL.createObjectURL(new Blob([bytes as Uint8Array<ArrayBuffer>], { type }));
