/**
 * The sequence of messages, drawn as the paper's figures draw it: three lifelines and an arrow for each message. It is an ordered
 * list of buttons at the same time, so who does not see the drawing has the same in words.
 */
import { count, instant } from "../locale.ts";
import { draw, make } from "../make.ts";
import { figureTitles } from "./figures.ts";
import type { Role, Run, Runs, ShownMessage } from "./runs.ts";

/** Where the lifelines stand, in parts of the width. */
const LIFELINES: Readonly<Record<Role, number>> = { Customer: 14, Merchant: 50, Broker: 86 };
const ROLES: readonly Role[] = ["Customer", "Merchant", "Broker"];

export interface Sequence {
  readonly element: HTMLElement;
  /** Draws what has changed. `own` is the UID of this page's wallet. */
  show(runs: Runs, own: string | undefined): void;
}

export function sequence(select: (message: ShownMessage) => void): Sequence {
  const list = make("ol", { class: "runs" });
  const empty = make("p", { class: "none" }, "Buy something: every message that this causes is drawn here.");
  const scroller = make(
    "div",
    { class: "scroller" },
    make("div", { class: "heads", "aria-hidden": "true" }, ...ROLES.map(head)),
    empty,
    list,
  );
  const status = make("p", { class: "hidden", role: "status" });
  const element = make("div", { class: "sequence" }, scroller, status);
  const drawn = new Map<number, { readonly element: HTMLElement; readonly messages: Run["messages"] }>();
  const choose = (row: HTMLButtonElement, message: ShownMessage): void => {
    for (const each of rowsIn(list)) each.removeAttribute("aria-current");
    row.setAttribute("aria-current", "true");
    moveTo(list, row);
    select(message);
  };
  list.addEventListener("keydown", (event) => {
    const next = nextRow(rowsIn(list), event);
    if (next === undefined) return;
    event.preventDefault();
    moveTo(list, next);
    next.focus();
  });
  return {
    element,
    show: (runs, own) => {
      const isAtEnd = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < NEAR;
      const kept = new Set(runs.all.map(({ id }) => id));
      for (const [id, { element: old }] of drawn)
        if (!kept.has(id)) {
          old.remove();
          drawn.delete(id);
        }
      for (const run of runs.all) {
        const before = drawn.get(run.id);
        if (before?.messages === run.messages) continue;
        const item = before?.element ?? list.appendChild(make("li", { class: "run" }));
        fill(item, run, own, choose);
        drawn.set(run.id, { element: item, messages: run.messages });
      }
      empty.hidden = runs.all.length > 0;
      const rows = rowsIn(list);
      if (!rows.some(({ tabIndex }) => tabIndex === 0)) rows.at(-1)?.setAttribute("tabindex", "0");
      if (isAtEnd) scroller.scrollTop = scroller.scrollHeight;
      const last = runs.all.at(-1);
      if (last !== undefined)
        status.textContent = `${figureTitles[last.figure]}: ${count(last.messages.length)} messages.`;
    },
  };
}

/** Pixels from the end within which the reader follows what is new. */
const NEAR = 80;

/** Rows that are there stay: one of them may have focus. */
function fill(
  item: HTMLElement,
  run: Run,
  own: string | undefined,
  choose: (row: HTMLButtonElement, message: ShownMessage) => void,
): void {
  const known = new Map(rowsIn(item).map((row) => [row.dataset.id, row]));
  const rows = run.messages.map((message) => {
    const before = known.get(`${message.id}`);
    if (before !== undefined) return before.parentElement ?? before;
    const row = rowOf(message);
    row.addEventListener("click", () => choose(row, message));
    return make("li", {}, row);
  });
  const stranger = run.customer !== undefined && own !== undefined && run.customer !== own;
  const title = item.querySelector("h3") ?? make("h3");
  title.replaceChildren(
    figureTitles[run.figure],
    make("small", {}, `${stranger ? "another wallet · " : ""}${instant(run.at)}`),
  );
  const inner = item.querySelector("ol") ?? make("ol");
  for (const old of [...inner.children]) if (!rows.includes(old as HTMLLIElement)) old.remove();
  rows.forEach((row, index) => {
    if (inner.children[index] !== row) inner.insertBefore(row, inner.children[index] ?? null);
  });
  if (title.parentElement === null) item.append(title, inner);
}

function rowOf(message: ShownMessage): HTMLButtonElement {
  const { id, place, from, to, passed } = message;
  const label = [place.number, place.name].filter(Boolean).join(" ");
  const name = `${label}, ${from} to ${to}, ${count(passed.bytes.length)} bytes`;
  const span = [from, to]
    .sort((a, b) => LIFELINES[a] - LIFELINES[b])
    .join("-")
    .toLowerCase();
  return make(
    "button",
    { type: "button", class: `message ${span}`, tabindex: -1, "data-id": id, "aria-label": name },
    arrow(from, to),
    make(
      "span",
      { class: "label" },
      ...(place.number === undefined ? [] : [make("b", {}, place.number), " "]),
      place.name,
    ),
  );
}

/** Lifelines as high as the row, and the arrow across them. */
function arrow(from: Role, to: Role): SVGElement {
  const start = LIFELINES[from];
  const end = LIFELINES[to];
  const isRightward = end > start;
  return draw(
    "svg",
    { "aria-hidden": "true", focusable: "false" },
    ...ROLES.map((role) => {
      const x = `${LIFELINES[role]}%`;
      return draw("line", { class: "lifeline", x1: x, x2: x, y1: 0, y2: "100%" });
    }),
    draw("line", { class: "shaft", x1: `${start}%`, x2: `${end}%`, y1: HEIGHT, y2: HEIGHT }),
    draw(
      "svg",
      { x: `${end}%`, y: HEIGHT, overflow: "visible" },
      draw("path", { class: "tip", d: isRightward ? "M-9,-4.5 L0,0 L-9,4.5 z" : "M9,-4.5 L0,0 L9,4.5 z" }),
    ),
    draw("circle", { class: "start", cx: `${start}%`, cy: HEIGHT, r: 3 }),
  );
}

/** Where the arrow stands in its row, in pixels. */
const HEIGHT = 29;

const head = (role: Role): HTMLElement => make("span", { class: role.toLowerCase() }, role);

const rowsIn = (within: HTMLElement): HTMLButtonElement[] => [
  ...within.querySelectorAll<HTMLButtonElement>("button.message"),
];

/** One row of all is a stop for the tabulator; arrow keys go on from there. */
function moveTo(list: HTMLElement, row: HTMLButtonElement): void {
  for (const each of rowsIn(list)) each.tabIndex = -1;
  row.tabIndex = 0;
}

function nextRow(rows: readonly HTMLButtonElement[], { key }: KeyboardEvent): HTMLButtonElement | undefined {
  const at = rows.indexOf(document.activeElement as HTMLButtonElement);
  const target: Readonly<Record<string, number>> = {
    ArrowDown: Math.min(at + 1, rows.length - 1),
    ArrowUp: Math.max(at - 1, 0),
    Home: 0,
    End: rows.length - 1,
  };
  const index = at < 0 ? undefined : target[key];
  return index === undefined ? undefined : rows[index];
}
