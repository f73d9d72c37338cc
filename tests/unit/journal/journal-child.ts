/**
 * A daemon's journal in a process of its own, for tests of crashes and locks. Started as
 * `bun journal-child.ts STATE_DIR STEPS`, with the steps as JSON; says in one line what it holds, then
 * does them.
 */
import { openJournal } from "../../../src/journal/open.ts";
import { recordLog } from "../logging/recorded-log.ts";

export type Step =
  | { readonly do: "claim" | "handle" | "end" | "owe"; readonly task: string }
  | { readonly do: "delivered"; readonly seq: number }
  /** Longer than the journal takes to write a delivery by itself. */
  | { readonly do: "moment" }
  /** Dies in this moment, by SIGKILL. */
  | { readonly do: "die" }
  /** Holds its slot until standard input ends. */
  | { readonly do: "hold" }
  | { readonly do: "close" };

/** What it found at its start. */
export interface Opened {
  readonly file: string;
  readonly durable: boolean;
  readonly running: readonly string[];
  readonly owed: readonly string[];
  readonly warnings: readonly string[];
}

if (import.meta.main) {
  const [, , stateDir = "", steps = "[]"] = process.argv;
  const log = recordLog();
  const { journal, ...state } = openJournal(stateDir, "w", log);
  const opened: Opened = {
    file: String(log.lines.find(({ message }) => message === "journal open")?.fields["file"]),
    durable: journal.durable,
    running: journal.running().map(({ taskId }) => taskId),
    owed: journal.undelivered().map(({ frame }) => frame),
    warnings: log.said("warn"),
  };
  process.stdout.write(`${JSON.stringify(opened)}\n`);
  const parsed: Step[] = JSON.parse(steps);
  for (const step of parsed) {
    switch (step.do) {
      case "claim":
        journal.claim({ taskId: step.task, executionId: "e" }, `claimed ${step.task}`);
        break;
      case "handle":
        journal.saveHandle({ taskId: step.task, executionId: "e" }, { pid: 42 });
        break;
      case "end":
        journal.end({ taskId: step.task, executionId: "e" }, `done ${step.task}`);
        break;
      case "owe":
        journal.owe(step.task);
        break;
      case "delivered":
        journal.delivered(step.seq);
        break;
      case "moment": {
        const { promise, resolve } = Promise.withResolvers<void>();
        setTimeout(resolve, 200); // waits: for the journal's own timer, which tells nobody
        await promise;
        break;
      }
      case "die":
        process.kill(process.pid, "SIGKILL");
        break;
      case "hold":
        process.stdout.write("holding\n");
        for await (const _ of process.stdin);
        break;
      case "close":
        state[Symbol.dispose]();
        break;
      default:
        step satisfies never;
    }
  }
}
