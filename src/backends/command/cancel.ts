/** Tells the operator's engine that a task which it has is no longer wanted. */
import type { ExecutionRef } from "../../journal/execution.ts";
import { stopTree } from "../../process/process-tree.ts";
import { startedWard } from "../../process/shim/ward.ts";
import { NO_MARK } from "../../process/stragglers.ts";
import { type RunContext, TaskFailure } from "../../task/backend.ts";
import { cancelEnvironment } from "./environment.ts";
import { redactorOf } from "./last-words.ts";
import { seeThrough, treeOf } from "./see-through.ts";
import { type CommandTools, startShell } from "./tools.ts";
import { failureWords, overTimeWords } from "./verdict.ts";

const REASON = "cancel_command";
const HAD_TO_STOP = "the worker had to stop before cancel_command had ended";

/** Throws TaskFailure (`cancel_command`) when the engine could not be told. `hurry` ends the command. */
export async function tellEngine(
  ref: ExecutionRef,
  tools: CommandTools,
  { hurry }: Pick<RunContext, "hurry">,
): Promise<void> {
  const { settings, environments, surveyor, graceMs, secrets } = tools;
  if (settings.cancelCommand === null) {
    throw new TaskFailure(
      REASON,
      "the engine that runs the task cannot be told: no backend.command.cancel_command is configured",
    );
  }
  if (hurry.aborted) throw new TaskFailure(REASON, HAD_TO_STOP);
  const env = cancelEnvironment(ref, environments);
  const call = {
    name: REASON,
    text: settings.cancelCommand,
    env,
    input: "",
    exitFile: null,
  } as const;
  const process = await startShell(call, tools);
  try {
    // Its own group is all that is ended: what carries its marks may be the task, left to run on this host.
    const limits = { leftMs: settings.dispatchTimeoutMs, graceMs, surveyor, mark: NO_MARK };
    const ward = startedWard(process);
    const { exit, interruption } = await seeThrough(ward, limits, { signal: hurry, hurry });
    // Without its supervisor nobody else would end it.
    if (exit.kind === "lost") await stopTree(treeOf(ward, NO_MARK), { surveyor, graceMs, hurry });
    if (exit.kind === "exited" && exit.status === 0) return;
    const redact = redactorOf(secrets);
    if (interruption?.kind === "over-time") {
      throw new TaskFailure(REASON, overTimeWords(REASON, settings.dispatchTimeoutMs, exit, redact));
    }
    if (interruption !== null) {
      throw new TaskFailure(REASON, HAD_TO_STOP);
    }
    throw new TaskFailure(
      REASON,
      exit.kind === "lost"
        ? "nobody knows how cancel_command ended: its supervisor was killed"
        : failureWords(REASON, exit, redact),
    );
  } finally {
    process.acknowledge();
  }
}
