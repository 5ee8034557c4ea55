/** Plants a seeded fault while the production code is loaded; the file on the disk stays as it is. */
import { registerHooks } from "node:module";
import { type Fault, faults } from "./faults.ts";

const ROOT = new URL("../../", import.meta.url);

/** Patches the fault's file when it is loaded; the result tells whether that has happened. */
export function plant(fault: Fault): () => boolean {
  const target = new URL(fault.file, ROOT).href;
  let isPlanted = false;
  registerHooks({
    load: (url, context, next) => {
      const loaded = next(url, context);
      if (url !== target) return loaded;
      const source =
        typeof loaded.source === "string"
          ? loaded.source
          : Buffer.from(loaded.source as Uint8Array).toString();
      const planted = replacements(fault).reduce((before, [text, instead]) => {
        const parts = before.split(text);
        if (parts.length !== 2) throw new Error(`${fault.file} holds ${parts.length - 1} times: ${text}`);
        return parts.join(instead);
      }, source);
      isPlanted = true;
      return { ...loaded, source: planted };
    },
  });
  return () => isPlanted;
}

/** All texts of a fault, and what stands in their places. */
export const replacements = ({ text, instead, also = [] }: Fault): readonly (readonly [string, string])[] => [
  [text, instead],
  ...also,
];

/** The fault of this name. */
export const faultOf = (name: string): Fault | undefined =>
  Object.hasOwn(faults, name) ? faults[name] : undefined;
