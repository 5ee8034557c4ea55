import { existsSync } from "node:fs";

/** Where Chromium is: as LEPTA_CHROMIUM says, or where systems put it; undefined where there is none. */
export const chromiumPath: string | undefined = [
  process.env.LEPTA_CHROMIUM ?? "",
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
].find(existsSync);

/** For the names of tests that need it. */
export const whereItIs =
  chromiumPath === undefined
    ? " (skipped: there is no Chromium here; `apt-get install chromium`, or name one in LEPTA_CHROMIUM)"
    : "";
