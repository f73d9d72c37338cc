/** How this program starts itself again under Deno. */
import { fileURLToPath } from "node:url";
import { ownExecutable } from "../own-executable.ts";
import type { Runtime } from "../self.ts";
import { deno } from "./deno-global.ts";

/** Nothing is fetched: what is not on this disk is missing. The folder that it is started in has no say. */
const FLAGS = ["run", "--allow-all", "--no-remote", "--no-prompt", "--quiet"] as const;

export function ownCommand(): string[] {
  const executable = ownExecutable("/proc/self/exe", process.execPath);
  const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));
  return [executable, ...FLAGS, `--config=${here("../../../deno.json")}`, here("../../main.ts")];
}

/** It runs from its sources. */
export function isCompiled(): boolean {
  return false;
}

export function runtimeOf(): Runtime {
  return { name: "deno", version: deno.version.deno };
}
