/** The systemd unit of the worker. Source of the names: systemd.service(5), systemd.exec(5). */
import type { BackendKind } from "../config/settings.ts";
import { SERVICE_NAME, SERVICE_STATE_DIR, type ServicePlan } from "./service-plan.ts";

/** Costs agents nothing that they could have as a plain user. */
const FOR_AGENTS: readonly string[] = [
  "# Agents may need sudo, containers without root, and home folders: so what forbids these is left out.",
  "ProtectSystem=full",
  "ProtectControlGroups=yes",
  "KeyringMode=private",
];

/** For a worker that only talks to an engine. No MemoryDenyWriteExecute: its code is compiled as it runs. */
const FOR_ENGINES: readonly string[] = [
  "NoNewPrivileges=yes",
  "CapabilityBoundingSet=",
  "AmbientCapabilities=",
  "ProtectSystem=strict",
  "# Read-only, because ~/.docker and ~/.kube may be there.",
  "ProtectHome=read-only",
  "PrivateTmp=yes",
  "PrivateDevices=yes",
  "ProtectControlGroups=yes",
  "ProtectKernelTunables=yes",
  "ProtectKernelModules=yes",
  "ProtectKernelLogs=yes",
  "ProtectClock=yes",
  "ProtectHostname=yes",
  "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK",
  "RestrictNamespaces=yes",
  "RestrictRealtime=yes",
  "RestrictSUIDSGID=yes",
  "LockPersonality=yes",
  "SystemCallArchitectures=native",
  "SystemCallFilter=@system-service",
  "SystemCallErrorNumber=EPERM",
  "KeyringMode=private",
];

/** systemd starts nothing for a group that is not there (216/GROUP), and an engine may be elsewhere. */
function socketGroup({ hasDockerGroup }: ServicePlan): string {
  return hasDockerGroup
    ? "SupplementaryGroups=docker"
    : "# This host has no group docker: when there is one, or another for the socket, name it as SupplementaryGroups=.";
}

const BACKENDS: Readonly<Record<BackendKind, (plan: ServicePlan) => readonly string[]>> = {
  direct: () => FOR_AGENTS,
  // Its commands are the operator's own, and nothing is known of what they need.
  command: () => FOR_AGENTS,
  docker: (plan) => ["# Who may talk to the engine.", socketGroup(plan), ...FOR_ENGINES],
  kubernetes: () => FOR_ENGINES,
};

export function renderSystemdUnit(plan: ServicePlan): string {
  const folders = stateFolders(plan);
  return [
    "# Written by `oz-agent-worker service install`; changes belong into a drop-in",
    `# (systemctl edit ${SERVICE_NAME}), because the next install writes this file again.`,
    "[Unit]",
    "Description=Runs cloud agents of Oz on this machine",
    "Wants=network-online.target",
    "After=network-online.target docker.service",
    "StartLimitIntervalSec=0",
    "",
    "[Service]",
    "Type=exec",
    "# The worker tells how it is: systemctl status shows it.",
    "NotifyAccess=main",
    `User=${plan.user}`,
    `ExecStart=${commandOf(plan).join(" ")}`,
    ...(plan.keyFile === null ? [] : [`LoadCredential=api-key:${specifiersEscaped(plan.keyFile)}`]),
    `StateDirectory=${folders.join(" ")}`,
    "StateDirectoryMode=0700",
    ...whichIsOwn(folders),
    ...(plan.stateDir === null || isBelowVarLib(plan.stateDir)
      ? []
      : [`ReadWritePaths=${word(plan.stateDir)}`]),
    "UMask=0077",
    ...killMode(plan),
    `TimeoutStopSec=${plan.stopTimeoutSeconds}`,
    "# One agent that used too much memory is one failed task, not the end of the service.",
    "OOMPolicy=continue",
    "# A wrong configuration and a refused key are not cured by starting again.",
    "Restart=on-failure",
    "RestartSec=5",
    "RestartPreventExitStatus=2 77",
    "",
    ...BACKENDS[plan.backend](plan),
    "",
    "[Install]",
    "WantedBy=multi-user.target",
    "",
  ].join("\n");
}

function commandOf({ program, configFile, keyFile }: ServicePlan): string[] {
  const key = keyFile === null ? [] : ["--api-key-file", "$" + "{CREDENTIALS_DIRECTORY}/api-key"];
  // No variable may stand for the program, so there a dollar is one; a second would be a part of its path.
  return [word(program), "--config-file", argument(configFile), ...key];
}

function killMode({ keepAgents }: ServicePlan): readonly string[] {
  if (!keepAgents) return ["KillMode=mixed"];
  return ["# Agents outlive a crash of the worker, and the next one reports them.", "KillMode=process"];
}

/** No folder that is another's: systemd gives each to the service's user, with all that is in it, and shuts out others. */
function stateFolders({ ownFolders }: ServicePlan): string[] {
  return [SERVICE_NAME, ...ownFolders.filter(isBelowVarLib).map((path) => word(path.slice(VAR_LIB.length)))];
}

/**
 * systemd lists several in STATE_DIRECTORY by their names, not as they stand in the unit, and the worker takes the
 * first: with `oz/workspaces` beside it, the journal came to lie among the workspaces.
 */
function whichIsOwn(folders: readonly string[]): readonly string[] {
  return folders.length === 1 ? [] : [`Environment=STATE_DIRECTORY=${SERVICE_STATE_DIR}`];
}

const VAR_LIB = "/var/lib/";

/** Where systemd makes a folder that is not there; any other has to be there, or nothing is started (226/NAMESPACE). */
function isBelowVarLib(path: string): boolean {
  return path.startsWith(VAR_LIB);
}

/** One argument of a command line, whatever is in it. Only there systemd takes a dollar for a variable. */
function argument(text: string): string {
  return word(text.replaceAll("$", "$$$$"));
}

/** The program of a command line, or one word of any other list. */
function word(text: string): string {
  const escaped = specifiersEscaped(text);
  return /^[\w@%+=:,./$-]+$/.test(escaped) ? escaped : `"${escaped.replace(/["\\]/g, "\\$&")}"`;
}

function specifiersEscaped(text: string): string {
  return text.replaceAll("%", "%%");
}
