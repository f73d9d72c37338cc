/**
 * A daemon that starts processes under a shim and then waits to be killed. Started as
 * `bun shim-daemon.ts REQUESTS`, with the requests as JSON; says one line per process.
 */
import { resolve } from "node:path";
import { ShimClient } from "../../../src/process/shim/client.ts";

export const SHIM_COMMAND = [
  process.execPath,
  resolve(import.meta.dir, "../../../src/main.ts"),
  "__shim",
] as const;

export interface Request {
  readonly argv: readonly string[];
  readonly exitFile: string | null;
  readonly env?: Readonly<Record<string, string>>;
}

if (import.meta.main) {
  const client = new ShimClient({ command: SHIM_COMMAND, openFiles: 1024 });
  const requests: Request[] = JSON.parse(process.argv[2] ?? "[]");
  for (const { argv, exitFile, env = {} } of requests) {
    const command = { argv, cwd: "/", env: { PATH: "/usr/bin:/bin", ...env } };
    const { identity } = await client.spawn(command, exitFile);
    process.stdout.write(`${JSON.stringify(identity)}\n`);
  }
  for await (const _ of process.stdin);
}
