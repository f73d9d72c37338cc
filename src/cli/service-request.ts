/** What the service command is asked to do. */
import { ConfigError } from "../config/config-error.ts";
import type { FlagDefs } from "../config/flags.ts";
import { suggestion } from "../config/nearest.ts";
import { DEFAULT_CONFIG_FILE, DEFAULT_KEY_FILE, SERVICE_NAME } from "../service/service-plan.ts";
import type { Scanned } from "./scan.ts";

export const SERVICE_ACTIONS = ["install", "uninstall", "status"] as const;
export type ServiceAction = (typeof SERVICE_ACTIONS)[number];

export const SERVICE_FLAGS = {
  "config-file": {
    type: "string",
    valueHint: "PATH",
    description: "The worker's config file, which its user has to be able to read",
    default: DEFAULT_CONFIG_FILE,
  },
  "api-key-file": {
    type: "string",
    valueHint: "PATH",
    description: `The file with the key, which only root has to be able to read (default: api_key_file of the config file, else ${DEFAULT_KEY_FILE})`,
  },
  user: {
    type: "string",
    valueHint: "NAME",
    description: "Whom the worker runs as; made when it is not there",
    default: SERVICE_NAME,
  },
  "keep-agents": {
    type: "boolean",
    description: "Agents of the Direct backend go on when the worker crashes (KillMode=process)",
  },
  print: { type: "boolean", description: "Show what would be installed, and do nothing" },
} satisfies FlagDefs;

export interface ServiceRequest {
  readonly action: ServiceAction;
  readonly configFile: string;
  readonly keyFile: string | null;
  readonly user: string;
  readonly keepAgents: boolean;
  readonly print: boolean;
}

/** Those of directories, too, which systemd takes as they are: `svc.oz`, `oz@corp.example.com`, `CORP\oz`. */
const USER_NAME = /^\w[\w.@-]*(?:\\[\w.@-]+)?\$?$/;

/** Throws a ConfigError with every problem. */
export function readServiceRequest({ values, positionals, problems }: Scanned): ServiceRequest {
  const last = (name: keyof typeof SERVICE_FLAGS) => values.get(name)?.at(-1);
  const [first, ...more] = positionals;
  const action = SERVICE_ACTIONS.find((known) => known === first);
  const user = last("user") ?? SERVICE_NAME;
  const all = [
    ...problems,
    ...(action === undefined || more.length > 0 ? [actionProblem(first, more)] : []),
    ...(USER_NAME.test(user) ? [] : [`--user ${JSON.stringify(user)} is no name of a user`]),
  ];
  if (action === undefined || all.length > 0) throw new ConfigError(all);
  return {
    action,
    configFile: last("config-file") ?? DEFAULT_CONFIG_FILE,
    keyFile: last("api-key-file") ?? null,
    user,
    keepAgents: values.has("keep-agents"),
    print: values.has("print"),
  };
}

function actionProblem(given: string | undefined, more: readonly string[]): string {
  const choice = `service takes one of ${SERVICE_ACTIONS.join(", ")}`;
  if (given === undefined) return `Nothing to do is given; ${choice}`;
  if (more.length > 0) return `Unexpected argument ${JSON.stringify(more[0])}; ${choice}, and flags`;
  return `Cannot ${JSON.stringify(given)} a service${suggestion(given, [...SERVICE_ACTIONS])}; ${choice}`;
}
