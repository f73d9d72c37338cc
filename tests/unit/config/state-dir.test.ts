import { expect, test } from "bun:test";
import { defaultStateDir, type Host } from "../../../src/config/state-dir.ts";

const USER: Host = { env: {}, uid: 1000, home: "/home/u", cwd: "/" };

const TABLE: readonly [string, Partial<Host>, string][] = [
  ["systemd's folder", { env: { STATE_DIRECTORY: "/var/lib/a", XDG_STATE_HOME: "/x" } }, "/var/lib/a"],
  ["the first of several of systemd's", { env: { STATE_DIRECTORY: "/var/lib/a:/var/lib/b" } }, "/var/lib/a"],
  ["XDG's folder", { env: { STATE_DIRECTORY: "", XDG_STATE_HOME: "/x" } }, "/x/oz-agent-worker"],
  ["XDG's folder for root too", { env: { XDG_STATE_HOME: "/x" }, uid: 0 }, "/x/oz-agent-worker"],
  [
    "home, as a relative XDG folder is invalid",
    { env: { XDG_STATE_HOME: "x" } },
    "/home/u/.local/state/oz-agent-worker",
  ],
  ["the system's for root", { uid: 0 }, "/var/lib/oz/state"],
  ["home", {}, "/home/u/.local/state/oz-agent-worker"],
  ["the system's for a user without a home", { home: null }, "/var/lib/oz/state"],
];

test.each(TABLE)("without state_dir it is %s", (_name, host, expected) => {
  expect(defaultStateDir({ ...USER, ...host })).toBe(expected);
});
