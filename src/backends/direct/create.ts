/** Builds the Direct backend, on a host that has what it needs. */
import type { DirectSettings } from "../../config/settings.ts";
import { inheritedOpenFilesLimit } from "../../process/open-files.ts";
import { ShimClient } from "../../process/shim/client.ts";
import { DirectBackend, type DirectOptions } from "./direct.ts";

export interface DirectDependencies extends Omit<DirectOptions, "shim" | "settings"> {
  /** The argv that starts a shim. */
  readonly shimCommand: readonly string[];
}

export function createDirectBackend(
  settings: DirectSettings,
  { shimCommand, ...rest }: DirectDependencies,
): DirectBackend {
  const shim = new ShimClient({ command: shimCommand, openFiles: inheritedOpenFilesLimit(), log: rest.log });
  return new DirectBackend({ ...rest, settings, shim });
}
