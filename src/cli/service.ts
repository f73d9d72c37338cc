/** `oz-agent-worker service`: the worker as a service of this host. */
import { existsSync, statSync } from "node:fs";
import { resolve } from "node:path";
import { never } from "../async/wait.ts";
import { ConfigError } from "../config/config-error.ts";
import { readFlagValues } from "../config/flag-values.ts";
import { runFlags } from "../config/flags.ts";
import { loadConfigFile } from "../config/load.ts";
import { readPlainFile } from "../config/operator-file.ts";
import { chooseKey, filesReadBy, resolveSettings } from "../config/resolve.ts";
import type { Host } from "../config/state-dir.ts";
import { whyUnreadable } from "../config/unreadable.ts";
import { wordsOf } from "../logging/words-of.ts";
import { hasAccount } from "../runtime/accounts.ts";
import { startForegroundChild } from "../runtime/foreground-child.ts";
import { InitSystem, ServiceError } from "../service/init-system.ts";
import { ownProgram, type StartedAs } from "../service/own-program.ts";
import {
  DEFAULT_KEY_FILE,
  planService,
  SERVICE_STATE_DIR,
  type ServicePlan,
} from "../service/service-plan.ts";
import { EXIT } from "./exit-status.ts";
import { scanFlags } from "./scan.ts";
import type { ServiceRequest } from "./service-request.ts";

export interface ServiceEdge {
  readonly host: Host;
  /** For the service manager's commands. */
  readonly environment: Readonly<Record<string, string>>;
  readonly platform: string;
  /** How this executable was started. */
  readonly startedAs: StartedAs;
  readonly write: (text: string) => void;
  readonly writeError: (text: string) => void;
}

/** Throws a ConfigError for a configuration with which the worker would not start. */
export async function runServiceCommand(request: ServiceRequest, edge: ServiceEdge): Promise<number> {
  try {
    return await act(request, edge, new InitSystem(edge.platform, commandRunner(edge)));
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    const words = error instanceof ServiceError ? error.message : wordsOf(error);
    edge.writeError(`oz-agent-worker: ${words}\n`);
    return EXIT.couldNotStart;
  }
}

async function act(request: ServiceRequest, edge: ServiceEdge, system: InitSystem): Promise<number> {
  switch (request.action) {
    case "status":
      return await system.status();
    case "uninstall":
      if (request.print) edge.write(`would stop the service and remove ${system.file}\n`);
      else await uninstall(system, edge);
      return EXIT.ok;
    case "install": {
      const { plan, files } = await planFor(request, edge);
      if (request.print) edge.write(system.render(plan));
      else await install(plan, files, system, edge);
      return EXIT.ok;
    }
    default:
      return request.action satisfies never;
  }
}

async function install(
  plan: ServicePlan,
  files: readonly string[],
  system: InitSystem,
  edge: ServiceEdge,
): Promise<void> {
  mustBeRoot(edge);
  if (plan.keyFile !== null) mustHoldKey(plan.keyFile);
  // Before the start, which will not tell why it failed.
  for (const [path, bit, what] of [
    [plan.program, 0o001, "start"],
    ...[plan.configFile, ...files].map((file) => [file, 0o004, "read"] as const),
  ] as const) {
    const closed = closedToOthers(path, bit);
    if (closed === null || plan.user === "root") continue;
    edge.write(`Note: ${closed} is closed to other users; see that ${plan.user} can ${what} ${path}\n`);
  }
  await system.install(plan);
  edge.write(`Installed and started ${system.file}; "oz-agent-worker service status" shows how it is\n`);
}

async function uninstall(system: InitSystem, edge: ServiceEdge): Promise<void> {
  mustBeRoot(edge);
  const found = await system.uninstall();
  const kept = "its user, state and configuration stay";
  edge.write(
    found ? `Stopped the service and removed ${system.file}; ${kept}\n` : `There is no ${system.file}\n`,
  );
}

interface Planned {
  readonly plan: ServicePlan;
  /** What the worker will read beside its config file, of what is there. */
  readonly files: readonly string[];
}

/** From the file as it is, checked as the worker checks it at its start. */
async function planFor(request: ServiceRequest, { host, startedAs }: ServiceEdge): Promise<Planned> {
  const configFile = resolve(host.cwd, request.configFile);
  const file = await loadConfigFile(configFile, never());
  const defs = runFlags();
  const flags = readFlagValues(scanFlags([`--config-file=${configFile}`], defs), defs);
  // The service has neither this shell's variables nor its folder.
  const input = { ...host, env: { STATE_DIRECTORY: SERVICE_STATE_DIR }, cwd: "/", flags, file };
  const hasKey = chooseKey(input).kind === "source";
  // The key itself is asked for when it starts.
  const settings = resolveSettings({ ...input, defaults: { apiKey: "none yet" } });
  const named = request.keyFile === null ? null : resolve(host.cwd, request.keyFile);
  const keyFile = named ?? (hasKey ? null : DEFAULT_KEY_FILE);
  const { user, keepAgents } = request;
  const plan = planService(settings, {
    program: ownProgram(startedAs, host.env["PATH"], host.cwd),
    configFile,
    keyFile,
    user,
    keepAgents,
    hasDockerGroup: hasAccount("/etc/group", "docker"),
  });
  return { plan, files: filesReadBy(input).filter((path) => existsSync(path)) };
}

function mustBeRoot({ host }: ServiceEdge): void {
  if (host.uid === 0) return;
  throw new ServiceError("Cannot change the services of this host as a plain user: run it as root (sudo)");
}

function mustHoldKey(path: string): void {
  const todo = "write the key there, or name another by --api-key-file";
  let text: string;
  try {
    text = readPlainFile(path).toString("utf8");
  } catch (error) {
    throw new ServiceError(`Cannot read the key file ${path}: ${whyUnreadable(error)}; ${todo}`, {
      cause: error,
    });
  }
  if (text.trim() === "") throw new ServiceError(`There is no key in ${path}: it is empty; ${todo}`);
}

/** The file, or the first folder on the way to it, that others than its owner cannot use. */
function closedToOthers(path: string, bit: number): string | null {
  const folders = path.split("/").slice(1, -1);
  const ways = folders.map((_, index) => `/${folders.slice(0, index + 1).join("/")}`);
  const closed = ways.find((folder) => (statSync(folder).mode & 0o001) === 0);
  if (closed !== undefined) return closed;
  return (statSync(path).mode & bit) === 0 ? path : null;
}

function commandRunner({ environment }: ServiceEdge) {
  return async (argv: readonly string[]): Promise<number> => {
    try {
      return await startForegroundChild(argv, environment, "none").exited;
    } catch (error) {
      throw new ServiceError(`Cannot start ${argv[0]}: ${wordsOf(error)}`, { cause: error });
    }
  };
}
