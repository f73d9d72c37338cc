/** Child processes, by Deno.Command: node:child_process tells of a program that is not there only later. */
import { type DenoChild, type DenoCommandOptions, deno } from "./deno-global.ts";

export interface ChildCommand {
  readonly argv: readonly string[];
  readonly cwd?: string;
  readonly env: Readonly<Record<string, string>>;
}

export type ChildStreams = Pick<DenoCommandOptions, "stdin" | "stdout" | "stderr">;

/** It leads a session and process group of its own. @throws the system's error (ENOENT, EACCES, E2BIG…) */
export function startChild({ argv, cwd, env }: ChildCommand, streams: ChildStreams): DenoChild {
  const [program = "", ...args] = argv;
  return new deno.Command(program, {
    args,
    ...(cwd === undefined ? {} : { cwd }),
    env,
    clearEnv: true,
    detached: true,
    ...streams,
  }).spawn();
}

/** 128+signal for a signal. */
export async function exitOf(child: DenoChild): Promise<number> {
  return (await child.status).code;
}

/** All of it, unless the child ends or closes its input before: then nobody wanted the rest. */
export async function feed(child: DenoChild, input: string): Promise<void> {
  const writer = child.stdin.getWriter();
  try {
    await writer.write(Buffer.from(input));
    await writer.close();
  } catch {
    // EPIPE, which is none of our business.
  }
}
