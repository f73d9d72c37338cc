/** What the agents of a campaign write down of themselves, and the program that does. */
import { existsSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import type { TempDir } from "../temp-dir.ts";
import type { LedgerLine } from "./history.ts";
import type { ExecutionPlan } from "./plan.ts";

const KINDS = ["start", "term", "robbed", "end", "setup", "teardown"] as const;

export class Ledger {
  /** `oz_path`; with `setup` or `teardown` as its only argument, those commands. */
  readonly program: string;
  readonly #file: string;

  private constructor(program: string, file: string) {
    this.program = program;
    this.#file = file;
  }

  static async create(dir: TempDir): Promise<Ledger> {
    const file = dir.join("ledger");
    // Under a name of the campaign's own, by which one that was left is found.
    const lasting = dir.join("lasting");
    symlinkSync(Bun.which("sleep") ?? "/bin/sleep", lasting);
    writeFileSync(file, "");
    const script = readFileSync(new URL("./agent.sh", import.meta.url), "utf8");
    const program = script.replace("@LEDGER@", file).replace("@LASTING@", lasting);
    return new Ledger(await dir.write("agent", program, 0o755), file);
  }

  lines(): LedgerLine[] {
    return readLedger(this.#file, KINDS);
  }
}

/** The variables by which the program obeys the plan. */
export function variablesOf(plan: ExecutionPlan): Record<string, string> {
  return {
    CHAOS_EXECUTION: plan.executionId ?? "-",
    CHAOS_SECONDS: String(plan.agentMs / 1_000),
    CHAOS_EXIT: String(plan.exit),
    CHAOS_TERM: plan.onTerm,
    ...(plan.children ? { CHAOS_CHILDREN: "1" } : {}),
    CHAOS_SETUP: String(plan.setup.ms / 1_000),
    CHAOS_SETUP_EXIT: String(plan.setup.exit),
  };
}

type LineOf<What> = Omit<LedgerLine, "what"> & { readonly what: What };

/** `kinds`: of lines. Throws for a line of another, which nobody writes. */
export function readLedger<What extends string>(file: string, kinds: readonly What[]): LineOf<What>[] {
  if (!existsSync(file)) return [];
  let lastAt = 0;
  return readFileSync(file, "utf8")
    .split("\n")
    .filter(Boolean)
    .map((text) => {
      const line = readLine(text, kinds, lastAt);
      lastAt = line.at;
      return line;
    });
}

/** What asks for the time may be ended by the agent's own SIGTERM: then it is not before that of the line before. */
function readLine<What extends string>(line: string, kinds: readonly What[], lastAt: number): LineOf<What> {
  const [seconds, kind, taskId = "", executionId = "-", pid, status = "-"] = line.split(" ");
  const what = kinds.find((known) => known === kind);
  if (what === undefined) throw new Error(`The ledger has a line that nobody writes: ${line}`);
  return {
    at: Number(seconds) * 1_000 || lastAt,
    what,
    taskId,
    executionId: executionId === "-" ? null : executionId,
    pid: Number(pid),
    status: status === "-" ? null : Number(status),
  };
}
