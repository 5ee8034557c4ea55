/** What the sources say about their own exports and fields: the sentences that the documents repeat. */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

/** Sentences by `declaration` and `declaration.field`, from every source file of a folder. */
export async function readDocComments(folder: string): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>();
  for (const file of (await readdir(folder, { recursive: true })).filter((name) => name.endsWith(".ts")))
    for (const [name, sentence] of docComments(await readFile(join(folder, file), "utf8")))
      found.set(name, sentence);
  return found;
}

const DECLARATION = /^export const (\w+)/;
const FIELD = /^\s{2,}(\w+): /;

/** The same of one file, whose layout is the formatter's: a comment stands right above what it is about. */
export function* docComments(source: string): Generator<readonly [string, string]> {
  let declaration = "";
  let comment: string[] | undefined;
  let isOpen = false;
  for (const line of source.split("\n")) {
    if (isOpen || /^\s*\/\*\*/.test(line)) {
      comment = [...(isOpen ? (comment ?? []) : []), bare(line)];
      isOpen = !line.includes("*/");
      continue;
    }
    const [, declared] = DECLARATION.exec(line) ?? [];
    const [, field] = FIELD.exec(line) ?? [];
    declaration = declared ?? declaration;
    const name = declared ?? (field === undefined ? undefined : `${declaration}.${field}`);
    if (name !== undefined && comment !== undefined) yield [name, comment.filter(Boolean).join(" ")];
    comment = undefined;
  }
}

const bare = (line: string): string =>
  line
    .replace(/^\s*\/?\*+\/? ?/, "")
    .replace(/\s*\*\/\s*$/, "")
    .trim();
