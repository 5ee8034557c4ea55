/** The panel beside the sequence: one message in readable form. */

import type { InspectedCheck, InspectedField, Inspection } from "@lepta/protocol/inspect";
import { count, instant } from "../locale.ts";
import { make } from "../make.ts";
import type { Inspect } from "./inspection.ts";
import type { ShownMessage } from "./runs.ts";

export interface Panel {
  readonly element: HTMLElement;
  show(message: ShownMessage): Promise<void>;
}

export function panel(inspect: Inspect): Panel {
  const element = make("section", { class: "panel", "aria-label": "The chosen message", tabindex: 0 });
  const hint = "Choose a message to see what is in it. Arrow keys go from one to the next.";
  element.append(make("p", { class: "none" }, hint));
  let newest = 0;
  return {
    element,
    show: async (message) => {
      newest += 1;
      const mine = newest;
      const inspected = await inspect(message.passed.bytes);
      // Another message may have been chosen meanwhile.
      if (mine === newest) element.replaceChildren(...contentOf(message, inspected));
    },
  };
}

function contentOf(
  { place, from, to, passed }: ShownMessage,
  { title, fields, checks }: Inspection,
): readonly HTMLElement[] {
  const heading = [place.number, place.name].filter(Boolean).join(" · ");
  return [
    make("h3", { "aria-live": "polite" }, heading),
    make(
      "p",
      { class: "facts" },
      `${from} → ${to} · ${count(passed.bytes.length)} bytes · ${instant(passed.at)}`,
    ),
    make("p", { class: "facts" }, title),
    ...(checks.length === 0 ? [] : [checkList(checks)]),
    fieldList(fields),
  ];
}

const MARKS = { good: "✓", bad: "✗", unknown: "?" } as const;
const SAID_OF_MANY = { good: "checks hold", bad: "do not hold", unknown: "cannot be told here" } as const;
const SAID = { good: "check holds", bad: "does not hold", unknown: "cannot be told here" } as const;

/** Closed where all holds that can be told: then the words beside the mark are enough. */
const checkList = (checks: readonly InspectedCheck[]): HTMLElement =>
  make(
    "details",
    { class: "checks", open: checks.some(({ state }) => state === "bad") },
    make("summary", {}, summaryOf(checks)),
    make(
      "ul",
      {},
      ...checks.map(({ name, state, reason }) =>
        make(
          "li",
          { class: state },
          make("span", { "aria-hidden": "true" }, MARKS[state]),
          make(
            "span",
            {},
            name,
            make("span", { class: "hidden" }, ` ${SAID[state]}: `),
            make("small", {}, reason),
          ),
        ),
      ),
    ),
  );

const summaryOf = (checks: readonly InspectedCheck[]): string =>
  (["bad", "good", "unknown"] as const)
    .map((state) => [state, checks.filter((each) => each.state === state).length] as const)
    .filter(([, many]) => many > 0)
    .map(
      ([state, many]) => `${MARKS[state]} ${count(many)} ${many === 1 ? SAID[state] : SAID_OF_MANY[state]}`,
    )
    .join(" · ");

const fieldList = (fields: readonly InspectedField[]): HTMLElement =>
  make(
    "ul",
    { class: "fields" },
    ...fields.map(({ name, value, note, fields: inner = [] }) =>
      make(
        "li",
        {},
        make("span", { class: "name" }, name),
        " ",
        ...(value === "" ? [] : [make("span", { class: "value" }, value)]),
        ...(note === undefined ? [] : [make("small", {}, ` ${note}`)]),
        ...(inner.length === 0 ? [] : [fieldList(inner)]),
      ),
    ),
  );
