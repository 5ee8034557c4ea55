/** How the pages of the API reference are laid out: which names stand together, in which order, under which anchors. */
import { slug } from "./markdown.ts";
import type { Door, Exported } from "./public-api.ts";

/** A package's page: its doors, and where each name is described. */
export interface Layout {
  readonly folder: string;
  readonly sections: readonly Section[];
  /** Where a name is described: its heading's anchor, or its group's. */
  readonly anchors: ReadonlyMap<Exported, string>;
}

/** One door of a page. */
export interface Section {
  readonly door: Door;
  readonly groups: readonly { readonly group: Group; readonly exports: readonly Exported[] }[];
  /** What an earlier door of the page has, too. */
  readonly again: readonly Exported[];
}

/** Names of a door that stand together. */
export interface Group {
  readonly heading: string;
  /** Where its names are declared. */
  readonly files: RegExp;
  /** Listed in a table: who pays and sells does not need it, who writes another implementation reads the protocol. */
  readonly isShort?: boolean;
}

/** How the page of a package is laid out. */
export function layout(folder: string, doors: readonly Door[]): Layout {
  const described = new Map<string, Exported>();
  const sections = doors
    .filter((door) => door.folder === folder)
    .map((door) => {
      const again = door.exports.flatMap((found) => described.get(keyOf(found)) ?? []);
      const names = door.exports.filter((found) => !described.has(keyOf(found)));
      for (const found of names) described.set(keyOf(found), found);
      return { door, groups: grouped(folder, names), again };
    });
  return { folder, sections, anchors: anchorsOf(sections) };
}

/** The heading of a method: `Wallet.open`, `wallet.buy`, `new Goods`. */
export const methodHeading = ({ name: owner }: Exported, name: string, isStatic: boolean): string =>
  name === "new"
    ? `new ${owner}`
    : `${isStatic ? owner : owner.charAt(0).toLowerCase() + owner.slice(1)}.${name}`;

/** By package, in the order of the page; the first whose files fit. */
const GROUPS: Readonly<Record<string, readonly Group[]>> = {
  protocol: [
    { heading: "Amounts", files: /\/amount\.ts/ },
    { heading: "Refusals and errors", files: /\/errors\.ts/ },
    { heading: "Receipts", files: /src\/receipt\.ts/ },
    { heading: "Suites and random bytes", files: /\/suite\/(?:suite|default|figure-4|figure-4-openssl)\.ts/ },
    { heading: "Messages", files: /\/messages\//, isShort: true },
    { heading: "Envelopes", files: /\/envelope\.ts/, isShort: true },
    { heading: "Scrip", files: /\/scrip\.ts/, isShort: true },
    {
      heading: "Credentials and the broker's keys",
      files: /\/(?:credential|broker-keys)\.ts/,
      isShort: true,
    },
    { heading: "Lanes and statements", files: /\/(?:lane|lane-items|merkle|statement)\.ts/, isShort: true },
    { heading: "Encodings", files: /\/(?:bytes|cbor|schema|limits)\.ts|\/cose\/|\/der\.ts/, isShort: true },
    { heading: "Digests and Noise", files: /\/hash\.ts|\/(?:noise|platform)\//, isShort: true },
  ],
  "peer-sdk": [
    { heading: "Wallets", files: /src\/(?:wallet|goods)\.ts|\/customer\// },
    { heading: "Merchants", files: /\/merchant\/|\/channel\/serve\.ts/ },
    { heading: "HTTP", files: /\/http\// },
    { heading: "Peers", files: /src\/(?:peer|party)\.ts/ },
    { heading: "Amounts", files: /\/amount\.ts/ },
    { heading: "Refusals and errors", files: /\/errors\.ts/ },
    { heading: "Ports", files: /src\/(?:ports|http-transport)\.ts|\/(?:store|channel)\// },
  ],
};
const OTHERS: Group = { heading: "Others", files: /./ };
/** A door with fewer names has no headings between them. */
const MANY = 12;
const KINDS: readonly Exported["kind"][] = ["class", "function", "const", "interface", "type"];
const keyOf = ({ file, name }: Exported): string => `${file} ${name}`;

function grouped(folder: string, names: readonly Exported[]): Section["groups"] {
  const groups = names.length < MANY ? [OTHERS] : [...(GROUPS[folder] ?? []), OTHERS];
  const groupOf = ({ file }: Exported) => groups.find(({ files }) => files.test(file));
  const sorted = names.toSorted(
    (a, b) => KINDS.indexOf(a.kind) - KINDS.indexOf(b.kind) || methodsOf(b) - methodsOf(a),
  );
  return groups
    .map((group) => ({ group, exports: sorted.filter((found) => groupOf(found) === group) }))
    .filter(({ exports }) => exports.length > 0);
}

/** What can do most comes first. */
const methodsOf = ({ kind, members }: Exported): number => (kind === "class" ? members.length : 0);

/** The anchors that GitHub makes of the headings, in the order in which `pageText` writes them. */
function anchorsOf(sections: readonly Section[]): ReadonlyMap<Exported, string> {
  const anchors = new Map<Exported, string>();
  const used = new Map<string, number>();
  const take = (heading: string): string => {
    const anchor = slug(heading);
    const times = used.get(anchor) ?? 0;
    used.set(anchor, times + 1);
    return times === 0 ? anchor : `${anchor}-${times}`;
  };
  for (const { door, groups } of sections) {
    // The first door has no heading of its own beside the page's; a page's title is a heading, too.
    take(door.name);
    for (const { group, exports } of groups) {
      const above = groups.length > 1 ? take(group.heading) : "";
      for (const found of exports) {
        anchors.set(found, group.isShort ? above : take(found.name));
        if (!group.isShort)
          for (const { name, isMethod, isStatic } of found.members)
            if (isMethod && found.kind === "class") take(methodHeading(found, name, isStatic));
      }
    }
  }
  return anchors;
}
