/** What the sample newspaper of `lepta dev` sells: short, and true as far as we know. */
import { Goods } from "@lepta/peer-sdk";

export interface SampleArticle {
  readonly sku: string;
  readonly price: string;
  readonly section: string;
  readonly title: string;
  readonly teaser: string;
  readonly goods: string | Goods;
}

export const sampleArticles: readonly SampleArticle[] = [
  {
    sku: "small-change",
    price: "EUR 0.02",
    section: "Money",
    title: "The coin that was too small to matter",
    teaser: "A lepton was worth next to nothing. That was the point of it.",
    goods: `The lepton was the smallest coin of many Greek cities. Its name says no more than “small” or “thin”, and for two thousand years whoever needed a word for next to nothing found it there. The widow's mites of the Gospel are two lepta.

Small coins are a nuisance to those who make them: striking one costs nearly as much as striking a large one, and a mint that is short of time makes large ones. So small change has been scarce in most places at most times, and people cut coins in half, took tokens of lead and leather, or bought on credit what they would have paid for at once.

A price that is too small to be paid is a price that nobody asks. What would cost a hundredth of a cent is given away, or bundled with a thousand other things into a subscription. That is not a law of economics. It is a shortage of small change.`,
  },
  {
    sku: "oboloi",
    price: "EUR 0.01",
    section: "History",
    title: "Why six obols make a drachma",
    teaser: "A handful of iron rods, and how they became money.",
    goods: `Before Greeks had coins they paid with iron roasting spits, obeloi. A hand holds six of them, and a handful is a drachma, from the verb for grasping.

When silver coins came, the names stayed: an obol was a small silver coin, and six of them were a drachma. King Pheidon of Argos, it was told, laid up the last spits in the temple of Hera; excavators found a bundle of them there in the 1890s.

The obol also paid the ferryman: one was laid in the mouth of the dead. In Athenian law courts a juror was paid two, and later three, for a day of listening.`,
  },
  {
    sku: "milli",
    price: "EUR 0.002",
    section: "Numbers",
    title: "A fifth of a cent, spent in a millisecond",
    teaser: "Less than the smallest coin that anybody mints.",
    goods: `You have paid two tenths of a cent for these three sentences, and no bank was asked. The merchant checked your scrip itself, with a secret that only it has. Look at the messages: an order went out, and the goods came back with it.`,
  },
  {
    sku: "lanes",
    price: "EUR 0.015",
    section: "Technology",
    title: "One signature for two hundred purchases",
    teaser: "What happens between the first story that you buy and the second.",
    goods: `A digital signature takes a computer some tens of microseconds, and checking one takes longer. For a purchase of a euro that is nothing. For one of a hundredth of a cent, on a server that sells thousands each second, it is most of the work.

So cheap purchases share one. Your wallet opened an encrypted session with this newspaper and put one piece of its scrip on a lane. Each story that you buy is an entry in a chain of hashes that both sides keep. Every few seconds both sign the end of the chain, and with it everything before.

Wait five seconds after a purchase and the statement passes by in the diagram. After that, your history offers a receipt that anybody can check, for any single purchase in the chain.`,
  },
  {
    sku: "big-story",
    price: "EUR 0.08",
    section: "Long read",
    title: "What a broker does all day",
    teaser: "It watches. This one is dear enough to be signed by itself.",
    goods: `In this system a broker sells scrip to customers, and buys it back from merchants. In between it does nothing but watch, which is why it can be small and cheap.

The paper behind it, by Palaka, Daras, Petridis and Strintzis, appeared in 2004. Three transactions are all there is. In figure 6 you buy BrokerScrip: your account is charged, and you get a signed note. In figure 8 you turn some of it into VendorScrip, which one merchant issued and only that merchant takes. In figure 7 you spend that.

This story costs eight cents, which is more than the newspaper sells on a lane. So look at the diagram: M1 and M2 were signed one by one, by you and by the newspaper, and each of you sends the broker a notice of its own, M0 and M3. The broker compares the two. It learns that you paid eight cents. It does not learn what for.`,
  },
  {
    sku: "coins",
    price: "EUR 0.03",
    section: "Picture",
    title: "Athens, counted out",
    teaser: "A drawing of the small coins of one city, and what they add up to.",
    goods: new Goods("image/svg+xml", new TextEncoder().encode(coins())),
  },
  {
    sku: "change",
    price: "EUR 0.01",
    section: "Money",
    title: "Why your change is a new note",
    teaser: "Scrip is never altered. It is spent whole, and another one comes back.",
    goods: `A piece of scrip says who issued it, whose it is, what it is worth and when it ends. All of that is under one certificate, so nothing in it can be altered: a piece that is worth a euro stays worth a euro for as long as it lives.

Spending it is therefore an exchange. You give the whole piece, and get the goods and another piece that is worth what is left. The old one is on the issuer's list of those that are spent, and presenting it again is answered with a signed refusal.

With it goes a secret that only you and the issuer know. You never send it: you prove that you have it. That is why copying scrip out of somebody's connection buys nothing.`,
  },
  {
    sku: "gresham",
    price: "EUR 0.015",
    section: "History",
    title: "Bad money, good money",
    teaser: "Gresham did not say it first. Aristophanes complained of it on stage.",
    goods: `That bad money drives out good is called Gresham's law, after a financier of the Tudors. He did not put it so; a Scottish economist gave it his name in the 1850s. Copernicus had described it in a treatise on coins, and Nicole Oresme long before him.

The oldest complaint is a joke. In the Frogs, of 405 BC, Aristophanes has his chorus say that Athens treats its citizens as it treats its coins: the fine old ones are nowhere to be seen, and everybody uses the wretched copper ones struck yesterday.

Where both must be taken at the same value, people spend the worse and keep the better. Scrip has no worse and better: each piece is worth what it says, at the one who issued it, until the day that is written on it.`,
  },
  {
    sku: "forgery",
    price: "EUR 0.025",
    section: "Technology",
    title: "How to forge this newspaper's money",
    teaser: "Three ways to try, and what each one gets you.",
    goods: `Make it up. A certificate is a code under a secret that never leaves the issuer. You would have to guess 256 bits.

Copy it. You may copy your own scrip as often as you like, and somebody else's if you can get it. It is spent once: of any number of attempts the first one wins. And somebody else's is of no use without its secret, which does not travel.

Change it. A byte that is altered makes the certificate wrong, and the merchant says “scrip-forged”. Nothing is charged, and the refusal is signed, so that you can show it to others.

There is a demonstration of all three in the repository: npm run demo.`,
  },
  {
    sku: "columns",
    price: "EUR 0.01",
    section: "Data",
    title: "Ten coins in a table",
    teaser: "A small file to keep: names, metals, and where they were struck.",
    goods: new Goods(
      "text/csv",
      new TextEncoder().encode(
        "name,metal,place,about\nobol,silver,Athens,500 BC\ndrachma,silver,Athens,500 BC\nlepton,bronze,Judaea,100 BC\nas,bronze,Rome,200 BC\ndenarius,silver,Rome,211 BC\nsolidus,gold,Trier,310\npenny,silver,Mercia,785\ngrosso,silver,Venice,1193\nflorin,gold,Florence,1252\nthaler,silver,Joachimsthal,1520\n",
      ),
    ),
  },
  {
    sku: "offline",
    price: "EUR 0.02",
    section: "Experiment",
    title: "Pull the plug on the bank",
    teaser: "Stop the broker and go on shopping. Here is why that works.",
    goods: `Once you hold a merchant's own scrip, the two of you need nobody else. The merchant issued it, so the merchant can tell whether it is good, whose it is and whether it was spent.

The broker hears of it later. Notices and statements wait in a box that survives a restart, on your side and on the merchant's, and leave when the broker answers again.

It does not last for ever. Every party carries a credential from the broker that ends after a day at most. And when your scrip at this newspaper is used up, more of it comes from the broker.`,
  },
  {
    sku: "words",
    price: "EUR 0.005",
    section: "Advice",
    title: "Where to keep twelve words",
    teaser: "On paper, mostly.",
    goods: `Your wallet's keys follow from twelve words. Who has them has the money, and who has lost both them and the device has lost it. A photograph of them ends up in places that you did not think of; a text file does so sooner.

Write them on paper, with a pen, in their order. Put the paper where you keep what you would not want to lose in a fire. For play money, such as yours here, the back of an envelope will do.`,
  },
];

/** Six obols beside the drachma that they make, and eight chalkoi beside one obol. */
function coins(): string {
  const row = (count: number, y: number, radius: number, fill: string): string =>
    Array.from({ length: count }, (_, index) => coin(56 + index * (radius * 2 + 8), y, radius, fill)).join(
      "",
    );
  const text = (y: number, words: string): string =>
    `<text x="24" y="${y}" font-size="15" fill="#3b342a">${words}</text>`;
  return (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 480 270" font-family="Georgia, serif">' +
    '<rect width="480" height="270" fill="#fffaf0"/>' +
    text(36, "One drachma is six obols") +
    `${row(6, 84, 20, "#c9c4ba")}${coin(400, 84, 34, "#b9b3a7")}` +
    text(160, "One obol is eight chalkoi, of bronze") +
    `${row(8, 208, 13, "#b5651d")}${coin(400, 208, 20, "#c9c4ba")}</svg>`
  );
}

function coin(x: number, y: number, radius: number, fill: string): string {
  const line = 'stroke="#6b6256"';
  return (
    `<circle cx="${x}" cy="${y}" r="${radius}" fill="${fill}" ${line} stroke-width="1.5"/>` +
    `<circle cx="${x}" cy="${y}" r="${Math.round(radius * 0.72)}" fill="none" ${line} stroke-dasharray="2 3"/>`
  );
}
