/** What the agents of a campaign write down of themselves, on a folder that is mounted into each container. */
import { readFileSync, watch, writeFileSync } from "node:fs";
import { join } from "node:path";
import { readBootLedger } from "../boot-ledger.ts";
import type { DockerLedgerLine } from "./history.ts";
import type { AgentPlan } from "./plan.ts";

const KINDS = ["start", "term", "tick", "missing", "end"] as const;

export class DockerLedger {
  readonly folder: string;

  /** `folder`: of the host, empty; to be mounted at /control. */
  constructor(folder: string) {
    this.folder = folder;
    writeFileSync(this.file, "");
    writeFileSync(join(folder, "agent.sh"), readFileSync(new URL("./agent.sh", import.meta.url)));
  }

  get file(): string {
    return join(this.folder, "ledger");
  }

  /** Each line as soon as it is written. */
  follow(onLine: (line: DockerLedgerLine) => void): Disposable {
    let told = 0;
    const watcher = watch(this.file, () => {
      for (const line of this.lines().slice(told)) {
        told++;
        onLine(line);
      }
    });
    return { [Symbol.dispose]: () => watcher.close() };
  }

  lines(): DockerLedgerLine[] {
    return readBootLedger(this.file, KINDS).map(({ where: container, ...line }) => ({ ...line, container }));
  }
}

/** The variables by which the program obeys the plan. */
export function variablesOf(plan: AgentPlan): Record<string, string> {
  return {
    AGENT_SH: ". /control/agent.sh",
    CHAOS_EXECUTION: plan.executionId,
    CHAOS_TICKS: String(plan.ticks),
    CHAOS_EXIT: String(plan.exit),
    CHAOS_TERM: plan.onTerm,
    CHAOS_LINES: String(plan.lines),
    ...(plan.outOfMemory ? { CHAOS_OOM: "1" } : {}),
    ...(plan.writable ? { CHAOS_WRITABLE: "1" } : {}),
  };
}
