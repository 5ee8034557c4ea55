/** How our elements look: in the shadow root, with a few custom properties that a page may set. */

/** A sheet for a shadow root: what all elements share, and what is one's own. */
export function sheet(own: string): CSSStyleSheet {
  const made = new CSSStyleSheet();
  made.replaceSync(shared + own);
  return made;
}

const shared = `
:host {
  --ink: var(--lepta-ink, light-dark(#1e1b16, #ece6da));
  --soft: var(--lepta-soft, light-dark(#5f574b, #b3aa9a));
  --paper: var(--lepta-paper, light-dark(#fffdf8, #1f2125));
  --line: var(--lepta-line, light-dark(#d9d0bf, #3d4046));
  --accent: var(--lepta-accent, light-dark(#8a4512, #eeb27a));
  --on-accent: var(--lepta-on-accent, light-dark(#ffffff, #20140a));
  --tint: light-dark(#f5ecdf, #2a2724);
  --good: light-dark(#1b6639, #86d6a6);
  --busy: light-dark(#1f5688, #93c6f0);
  --wait: light-dark(#785000, #efc46d);
  --bad: light-dark(#a02420, #f4a09a);
  color: var(--ink);
  color-scheme: inherit;
  font: 400 1rem/1.5 system-ui, sans-serif;
}
:host([hidden]) { display: none; }
* { box-sizing: border-box; }
button, input {
  font: inherit;
  min-height: 2.25rem;
  border-radius: 0.5rem;
  border: 1px solid var(--soft);
  background: var(--paper);
  color: var(--ink);
  padding: 0.25rem 0.75rem;
}
button { cursor: pointer; }
button:hover { border-color: var(--accent); }
button[aria-disabled="true"] { cursor: progress; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
.main { background: var(--accent); color: var(--on-accent); border-color: var(--accent); font-weight: 600; }
.main:hover { filter: brightness(1.08); }
.hidden {
  position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap;
}
.fault { border-inline-start: 3px solid var(--bad); padding-inline-start: 0.6rem; margin: 0.5rem 0 0; }
.fault strong { color: var(--bad); }
@media (prefers-reduced-motion: no-preference) {
  button { transition: border-color 120ms, filter 120ms; }
}
`;
