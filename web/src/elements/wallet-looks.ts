export const looks = `
:host { display: block; background: var(--paper); border: 1px solid var(--line); border-radius: 1rem; padding: 1.25rem; }
h2 { font-size: 1rem; margin: 0; color: var(--soft); font-weight: 600; }
h3 { font-size: 0.875rem; margin: 1.25rem 0 0.5rem; color: var(--soft); font-weight: 600; }
p { margin: 0.35rem 0; }
.total { font-size: 2.25rem; font-weight: 650; letter-spacing: -0.02em; line-height: 1.2; margin: 0.1rem 0 0.6rem; font-variant-numeric: tabular-nums; }
.total span { font-size: 1rem; font-weight: 400; letter-spacing: 0; color: var(--soft); }
dl { margin: 0 0 0.9rem; }
.parts div { display: flex; justify-content: space-between; gap: 1rem; padding: 0.3rem 0; border-top: 1px solid var(--line); }
dt { color: var(--soft); overflow-wrap: anywhere; }
dd { margin: 0; font-variant-numeric: tabular-nums; white-space: nowrap; }
.row { display: flex; flex-wrap: wrap; gap: 0.5rem; }
.row > button { flex: 1 1 auto; }
.thirds { display: grid; grid-template-columns: repeat(3, 1fr); }
input { flex: 1 1 6rem; min-width: 0; width: 6rem; }
label { display: block; font-size: 0.875rem; margin: 0.4rem 0 0.2rem; }
.fill details { margin-top: 0.4rem; }
summary { cursor: pointer; border-radius: 0.4rem; min-height: 1.75rem; }
.fill summary { color: var(--soft); font-size: 0.875rem; padding: 0.2rem 0; }
.told { min-height: 0; }
.told:not(:empty) { margin-top: 0.6rem; display: flex; flex-wrap: wrap; gap: 0.3rem 0.5rem; align-items: center; justify-content: space-between; background: var(--tint); border-radius: 0.6rem; padding: 0.4rem 0.7rem; }
.small, small { font-size: 0.8125rem; color: var(--soft); }
button.small { min-height: 1.75rem; padding: 0 0.6rem; }
.notice { margin-top: 0.9rem; background: var(--tint); border-radius: 0.6rem; padding: 0.7rem; }
.words { columns: 2; padding-inline-start: 1.6rem; margin: 0.5rem 0; font-family: ui-monospace, monospace; }
ul { list-style: none; margin: 0; padding: 0; }
.history li { border-top: 1px solid var(--line); }
.history summary { display: grid; grid-template-columns: 1fr auto; gap: 0 0.75rem; padding: 0.5rem 0; align-items: baseline; list-style: none; }
.history summary::-webkit-details-marker { display: none; }
.title { overflow-wrap: anywhere; }
.title::before { content: "›"; display: inline-block; width: 0.9em; color: var(--soft); }
details[open] > summary .title::before { transform: rotate(90deg); }
.amount { font-variant-numeric: tabular-nums; }
.history .status { grid-column: 1 / -1; margin-inline-start: 0.9em; }
.status { font-size: 0.8125rem; color: var(--soft); justify-self: start; }
.status::before { content: ""; display: inline-block; width: 0.55em; height: 0.55em; border-radius: 50%; background: currentColor; margin-inline-end: 0.4em; }
.settled { color: var(--good); }
.paid { color: var(--busy); }
.reserved, .unknown { color: var(--wait); }
.refused { color: var(--bad); }
.inside { padding: 0 0 0.8rem 0.9em; }
.goods:not(:empty) { margin-top: 0.5rem; padding: 0.7rem; background: var(--tint); border-radius: 0.6rem; }
.goods img { max-width: 100%; }
.txn { font-family: ui-monospace, monospace; overflow-wrap: anywhere; }
.none { color: var(--soft); padding: 0.4rem 0; }
.pending li { display: grid; gap: 0.1rem; border-top: 1px solid var(--line); padding: 0.5rem 0; }
`;
