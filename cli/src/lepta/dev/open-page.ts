import { spawn } from "node:child_process";

/** Shows an address in the user's browser, where there is a display; the address was printed anyway. */
export function openPage(
  url: string,
  print: (line: string) => void,
  variables: Readonly<Record<string, string | undefined>> = process.env,
  platform: string = process.platform,
): void {
  const command = commandFor(variables, platform);
  if (command === undefined) return;
  const child = spawn(command, [url], { stdio: "ignore", detached: true });
  child.once("error", () => print(`${command} cannot be run: open ${url} yourself.`));
  child.unref();
}

/** Undefined where nobody would see it. */
function commandFor(
  { DISPLAY, WAYLAND_DISPLAY }: Readonly<Record<string, string | undefined>>,
  platform: string,
): string | undefined {
  if (platform === "darwin") return "open";
  return (DISPLAY ?? "") !== "" || (WAYLAND_DISPLAY ?? "") !== "" ? "xdg-open" : undefined;
}
