/** The operator's engine of a campaign: its two commands, what they write down, and what they were given. */
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isObject } from "../../../../src/protocol/fields.ts";
import type { TempDir } from "../../temp-dir.ts";
import { readLedger } from "../ledger.ts";
import { type CommandLedgerLine, LINE_KINDS, type WrongPayload } from "./history.ts";
import type { CommandTaskPlan, DispatchPlan } from "./plan.ts";

/** What one execution's payload has to hold: shown by the names alone. */
export interface Expected {
  readonly env: Readonly<Record<string, string>>;
}

export class ChaosEngine {
  /** Without arguments: `dispatch` and `cancel` are its two. */
  readonly program: string;
  readonly #folder: string;
  readonly #tasks: readonly CommandTaskPlan[];

  private constructor(program: string, folder: string, tasks: readonly CommandTaskPlan[]) {
    this.program = program;
    this.#folder = folder;
    this.#tasks = tasks;
  }

  static async create(dir: TempDir, tasks: readonly CommandTaskPlan[]): Promise<ChaosEngine> {
    const folder = await dir.mkdir("engine");
    for (const name of ["plans", "payloads", "failed"]) mkdirSync(join(folder, name));
    // Under a name of the campaign's own, by which one that was left is found.
    symlinkSync(Bun.which("sleep") ?? "/bin/sleep", join(folder, "lasting"));
    writeFileSync(join(folder, "ledger"), "");
    for (const { taskId, executions } of tasks) {
      for (const plan of executions)
        writeFileSync(join(folder, "plans", nameOf(taskId, plan.executionId)), variablesOf(plan));
    }
    const script = readFileSync(new URL("./engine.sh", import.meta.url), "utf8");
    const program = await dir.write("engine/run", script.replace("@FOLDER@", folder), 0o755);
    return new ChaosEngine(program, folder, tasks);
  }

  lines(): CommandLedgerLine[] {
    return readLedger(join(this.#folder, "ledger"), LINE_KINDS).map((line) => ({
      ...line,
      executionId: line.executionId === line.taskId ? null : line.executionId,
    }));
  }

  /** Of those that were read to their end. */
  wrongPayloads(expectedOf: (task: number, execution: number) => Expected): WrongPayload[] {
    const names = readdirSync(join(this.#folder, "payloads")).filter((name) => !name.endsWith(".part"));
    return this.#tasks.flatMap(({ taskId, executions }, task) =>
      executions.flatMap(({ executionId }, execution) => {
        const prefix = `${nameOf(taskId, executionId)}.`;
        return names
          .filter((name) => name.startsWith(prefix))
          .flatMap((name) => {
            const text = readFileSync(join(this.#folder, "payloads", name), "utf8");
            const ids = [taskId, executionId ?? taskId] as const;
            const what = whyWrong(text, ids, expectedOf(task, execution));
            const pid = Number(name.slice(prefix.length));
            return what === null ? [] : [{ taskId, executionId, pid, what }];
          });
      }),
    );
  }
}

/** The task's id stands in for an execution that has none. */
function nameOf(taskId: string, executionId: string | null): string {
  return `${taskId}.${executionId ?? taskId}`;
}

function variablesOf({ exit, dispatchMs, onTerm, leaves, stderrBytes, reads, cancel }: DispatchPlan): string {
  const variables = {
    SECONDS_: dispatchMs / 1_000,
    EXIT: exit,
    ON_TERM: onTerm,
    LEAVES: leaves,
    STDERR_BYTES: stderrBytes,
    READS: reads ? 1 : 0,
    CANCEL: cancel.how,
    CANCEL_SECONDS: cancel.ms / 1_000,
  };
  return Object.entries(variables)
    .map(([name, value]) => `${name}=${value}\n`)
    .join("");
}

/** Null: it is as it has to be. */
function whyWrong(
  text: string,
  [runId, executionId]: readonly [string, string],
  { env }: Expected,
): string | null {
  const payload = parse(text);
  if (payload === null) return `no whole JSON object, of ${text.length} characters`;
  if (payload["run_id"] !== runId || payload["execution_id"] !== executionId) return "of another execution";
  const got = payload["env"];
  const isIn = ([name, value]: [string, string]) => isObject(got) && got[name] === value;
  return Object.entries(env).every(isIn) ? null : "without the task's environment";
}

function parse(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : null;
  } catch {
    return null;
  }
}
