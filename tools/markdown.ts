/** Pieces of Markdown, as GitHub reads it. */

/** A document and the text that it should have. */
export interface Page {
  /** Relative to the repository's root. */
  readonly path: string;
  readonly text: string;
}

/** A table of Markdown. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}

/** The anchor that a heading gets, where no heading before it has the same. */
export const slug = (heading: string): string =>
  heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}_ -]/gu, "")
    .replaceAll(" ", "-");

/** Puts each section between its markers, `<!-- name -->` and `<!-- /name -->`. Throws where a pair is not there once. */
export function fill(text: string, sections: Readonly<Record<string, string>>): string {
  let filled = text;
  for (const [name, section] of Object.entries(sections)) {
    const [before, rest, ...more] = filled.split(`<!-- ${name} -->\n`);
    const [, after, ...others] = rest?.split(`<!-- /${name} -->`) ?? [];
    if (before === undefined || after === undefined || more.length + others.length > 0)
      throw new Error(`the document does not hold the markers of "${name}" exactly once`);
    filled = `${before}<!-- ${name} -->\n\n${section}\n\n<!-- /${name} -->${after}`;
  }
  return filled;
}
