import { expect, test } from "bun:test";
import { type ParseArgsOptionsConfig, parseArgs } from "node:util";
import { scanFlags } from "../../../src/cli/scan.ts";
import { runFlags } from "../../../src/config/flags.ts";

/** Whether node:util's own strict mode takes it, by the same definitions. */
function strictTakes(args: readonly string[]): boolean {
  const options: ParseArgsOptionsConfig = {
    help: { type: "boolean", short: "h" },
    version: { type: "boolean" },
  };
  for (const [name, { type, alias }] of Object.entries(runFlags())) {
    const short = typeof alias === "string" ? { short: alias } : {};
    options[name] = { type: type === "boolean" ? "boolean" : "string", multiple: true, ...short };
  }
  try {
    parseArgs({ args: [...args], options, strict: true });
    return true;
  } catch {
    return false;
  }
}

const LINES = [
  "",
  "--worker-id x",
  "--worker-id=x -e A=1 -v /a:/b --no-cleanup",
  "--worker-id=-x",
  "-h --version",
  "-eA",
  "--worker-id",
  "--worker-id --env",
  "--worker-id -x",
  "--api-key -",
  "--no-cleanup=x",
  "--no-such",
  "-x",
  "-hx",
  "stray",
  "-- stray",
  "--no-worker-id",
  "--worker",
  "-v",
];

test.each(LINES)("what node:util's strict mode refuses is refused: %p", (line) => {
  const args = line.split(" ").filter((word) => word !== "");
  expect(scanFlags(args, runFlags()).problems.length === 0).toBe(strictTakes(args));
});
