/** Where a message belongs: its figure, its number there, and what it is called. */

export type Figure =
  | "6"
  | "7"
  | "8"
  | "lane"
  | "statement"
  | "meeting"
  | "offer"
  | "notices"
  | "enrolment"
  | "asking"
  | "other";

export interface Place {
  readonly figure: Figure;
  /** `"M1"`, where the figure numbers it. */
  readonly number: string | undefined;
  readonly name: string;
  /** What stands first in a run: the figure's order, whoever told of a message first. */
  readonly rank: number;
}

export const figureTitles: Readonly<Record<Figure, string>> = {
  "6": "Figure 6 · Obtain BrokerScrip",
  "7": "Figure 7 · Buy Item",
  "8": "Figure 8 · Obtain VendorScrip",
  lane: "Figure 7 · A lane for many purchases",
  statement: "Figure 7 · One statement, for M0 and M3 of a lane",
  meeting: "Hello",
  offer: "What is for sale",
  notices: "Notices to the broker",
  enrolment: "Enrolment",
  asking: "What became of it?",
  other: "Also said",
};

const place = (figure: Figure, rank: number, name: string, number?: string): Place => ({
  figure,
  rank,
  name,
  number,
});

/** By the message's type, or the session item's name. */
const places: Readonly<Record<string, Place>> = {
  "brokerscrip-request": place("6", 0, "BrokerScrip request", "M0"),
  "brokerscrip-response": place("6", 1, "BrokerScrip", "M1"),
  "vendorscrip-intent": place("8", 0, "Intent", "M0"),
  "vendorscrip-request": place("8", 1, "VendorScrip request", "M1"),
  "vendorscrip-order": place("8", 2, "its part for the broker, sealed", "M1"),
  "authorization-request": place("8", 3, "Authorization request", "M2"),
  "brokerscrip-change": place("8", 4, "Change, sealed", "M3"),
  "authorization-response": place("8", 5, "Authorization", "M4"),
  "vendorscrip-response": place("8", 6, "VendorScrip", "M5"),
  "purchase-notice": place("7", 0, "Purchase notice", "M0"),
  "purchase-request": place("7", 1, "Purchase request", "M1"),
  "purchase-response": place("7", 2, "Goods and change", "M2"),
  "sale-notice": place("7", 3, "Sale notice", "M3"),
  laneBuy: place("7", 1, "Order", "M1"),
  laneSold: place("7", 2, "Goods and the rest", "M2"),
  laneRefused: place("7", 2, "Refused", "M2"),
  laneOpen: place("lane", 0, "Lane on one VendorScrip"),
  laneOpened: place("lane", 1, "Lane is open"),
  laneResume: place("lane", 2, "Lane goes on"),
  laneJoined: place("lane", 3, "Session joined the lane"),
  laneFault: place("lane", 4, "Lane refused"),
  laneClose: place("statement", 0, "Lane closes"),
  sessionClose: place("lane", 6, "Session ends"),
  statement: place("statement", 0, "Statement"),
  statementProposal: place("statement", 0, "Statement to sign"),
  statementSigned: place("statement", 0, "Signed"),
  statementsRecorded: place("statement", 0, "The broker has it"),
  "enrol-request": place("enrolment", 0, "Enrol"),
  "enrol-response": place("enrolment", 1, "Enrolled"),
  query: place("asking", 0, "How does it stand?"),
  abort: place("asking", 0, "Call it off"),
  "transaction-response": place("asking", 1, "So it stands"),
  hello: place("meeting", 0, "Hello"),
  "offer-request": place("offer", 0, "What do you sell?"),
  offer: place("offer", 1, "Offer"),
  "notice-batch": place("notices", 0, "Notices, in a batch"),
  // After the intent, too, whose transaction it shares.
  acknowledgement: place("notices", 0.5, "Acknowledged"),
};

/** Whatever has no place in a figure is called by its type, in words. */
export const placeOf = (type: string): Place =>
  (Object.hasOwn(places, type) ? places[type] : undefined) ??
  place("other", 0, type.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`).replaceAll("-", " "));
