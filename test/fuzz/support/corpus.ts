/** Good inputs, and those that once found something: vectors of every message, and the files of `test/fuzz/corpus`. */
import { readdirSync, readFileSync } from "node:fs";
import type { MessageType } from "@lepta/protocol";
import { fromHex, type Vector } from "../../vectors/vector.ts";

/** A vector's file of one type of message. */
export const vectorOf = ({ name }: MessageType): Vector =>
  JSON.parse(readFileSync(new URL(`../../vectors/${name}.json`, import.meta.url), "utf8"));

/** What a corpus file holds: inputs in hex, each under what is special about it. */
type Kept = Readonly<Record<string, string>>;

const CORPUS = new URL("../corpus/", import.meta.url);

/** All kept inputs: they are few, and each goes to every target. */
export const kept: readonly Uint8Array[] = readdirSync(CORPUS)
  .filter((name) => name.endsWith(".json"))
  .sort()
  .flatMap((name) => Object.values(JSON.parse(readFileSync(new URL(name, CORPUS), "utf8")) as Kept))
  .map(fromHex);
