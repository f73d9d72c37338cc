/** Whether the backend could run a task here: the look of a start. */
import { type InspectDependencies, inspectBackend } from "../backends/create.ts";
import { wordsOf } from "../logging/words-of.ts";
import { type Finding, splitAdvice } from "./finding.ts";
import { WarningLog } from "./warning-log.ts";

/** Rejects with the reason of `stop` alone. */
export async function checkBackend(input: Omit<InspectDependencies, "log">): Promise<readonly Finding[]> {
  const log = new WarningLog();
  const looked = await look({ ...input, log });
  return [
    looked,
    ...log.warnings.map((warning): Finding => ({ name: "backend", status: "warn", ...warning })),
  ];
}

async function look(dependencies: InspectDependencies): Promise<Finding> {
  try {
    return { name: "backend", status: "ok", detail: await inspectBackend(dependencies) };
  } catch (error) {
    dependencies.stop.throwIfAborted();
    return { name: "backend", status: "fail", ...splitAdvice(wordsOf(error)) };
  }
}
