/** Lines that agents in containers write: with the host's time since its boot, which is the one clock that all of them have. */
import { readFileSync } from "node:fs";

export interface BootLine<What> {
  /** As everywhere, in ms since 1970. */
  readonly at: number;
  readonly what: What;
  readonly taskId: string;
  readonly executionId: string;
  /** The container or pod in which it was written. */
  readonly where: string;
  readonly status: number | null;
}

/** `kinds`: of lines. Throws for a line of another, which nobody writes. */
export function readBootLedger<What extends string>(file: string, kinds: readonly What[]): BootLine<What>[] {
  const bootedAt = Date.now() - Number(readFileSync("/proc/uptime", "utf8").split(" ")[0]) * 1_000;
  // One that is being written has no end yet.
  const lines = readFileSync(file, "utf8").split("\n").slice(0, -1);
  return lines.map((line) => readLine(line, kinds, bootedAt));
}

function readLine<What extends string>(
  line: string,
  kinds: readonly What[],
  bootedAt: number,
): BootLine<What> {
  const [seconds, kind, taskId = "", executionId = "", where = "", status = "-"] = line.split(" ");
  const what = kinds.find((known) => known === kind);
  if (what === undefined) throw new Error(`The ledger has a line that nobody writes: ${line}`);
  return {
    at: Math.round(bootedAt + Number(seconds) * 1_000),
    what,
    taskId,
    executionId,
    where,
    status: status === "-" ? null : Number(status),
  };
}
