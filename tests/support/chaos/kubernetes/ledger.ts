/** What the agents of a campaign write down of themselves, in a folder that is mounted into each pod at its own path. */
import { readFileSync, writeFileSync } from "node:fs";
import type { TempDir } from "../../temp-dir.ts";
import type { PodLedgerLine } from "./history.ts";
import type { AgentPlan } from "./plan.ts";

const KINDS: ReadonlySet<string> = new Set(["start", "term", "tick", "end"]);

export class PodLedger {
  /** What the agent's image runs. */
  readonly program: string;
  readonly #file: string;

  private constructor(program: string, file: string) {
    this.program = program;
    this.#file = file;
  }

  static async create(dir: TempDir): Promise<PodLedger> {
    const file = dir.join("chaos-ledger");
    writeFileSync(file, "");
    const script = readFileSync(new URL("./agent.sh", import.meta.url), "utf8");
    return new PodLedger(await dir.write("chaos-agent", script.replace("@LEDGER@", file), 0o755), file);
  }

  lines(): PodLedgerLine[] {
    const startedAt = hostStartedAt();
    // One that is being written has no end yet.
    const lines = readFileSync(this.#file, "utf8").split("\n").slice(0, -1);
    return lines.map((line) => readLine(line, startedAt));
  }
}

/** The variables by which the program obeys the plan. */
export function variablesOf(plan: AgentPlan): Record<string, string> {
  return {
    CHAOS_EXECUTION: plan.executionId,
    CHAOS_TICKS: String(plan.ticks),
    CHAOS_EXIT: String(plan.exit),
    CHAOS_TERM: plan.onTerm,
  };
}

function hostStartedAt(): number {
  return Date.now() - Number(readFileSync("/proc/uptime", "utf8").split(" ")[0]) * 1_000;
}

function readLine(line: string, startedAt: number): PodLedgerLine {
  const [seconds, what = "", taskId = "", executionId = "", pod = "", status = "-"] = line.split(" ");
  if (!KINDS.has(what)) throw new Error(`The ledger has a line that nobody writes: ${line}`);
  return {
    at: Math.round(startedAt + Number(seconds) * 1_000),
    what: what as PodLedgerLine["what"],
    taskId,
    executionId,
    pod,
    status: status === "-" ? null : Number(status),
  };
}
