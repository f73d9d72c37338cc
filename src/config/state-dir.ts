/** Where the worker remembers its tasks when nobody says where. */
import { isAbsolute, join } from "node:path";
import type { HostEnvironment } from "./host-environment.ts";

const SYSTEM_WIDE = "/var/lib/oz/state";

export interface Host {
  readonly env: HostEnvironment;
  /** Null where the system has no users. */
  readonly uid: number | null;
  /** Null when the user has none. */
  readonly home: string | null;
  /** What relative paths are relative to. */
  readonly cwd: string;
}

export function defaultStateDir({ env, uid, home }: Host): string {
  // systemd sets it for StateDirectory=; several come joined by colons, in the order of their names.
  const [systemd] = (env["STATE_DIRECTORY"] ?? "").split(":");
  if (systemd) return systemd;
  // A relative one is invalid by the XDG Base Directory Specification.
  const xdg = env["XDG_STATE_HOME"];
  if (xdg && isAbsolute(xdg)) return join(xdg, "oz-agent-worker");
  if (uid === 0 || home === null) return SYSTEM_WIDE;
  return join(home, ".local/state/oz-agent-worker");
}
