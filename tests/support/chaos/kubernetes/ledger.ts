/** What the agents of a campaign write down of themselves, in a folder that is mounted into each pod at its own path. */
import { readFileSync, writeFileSync } from "node:fs";
import type { TempDir } from "../../temp-dir.ts";
import { readBootLedger } from "../boot-ledger.ts";
import type { PodLedgerLine } from "./history.ts";
import type { AgentPlan } from "./plan.ts";

const KINDS = ["start", "term", "tick", "end"] as const;

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
    return readBootLedger(this.#file, KINDS).map(({ where: pod, ...line }) => ({ ...line, pod }));
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
