/** Why there is no engine at the chosen endpoint, in words that say what to try. */
import { statSync } from "node:fs";
import { wordsOf } from "../../../logging/words-of.ts";
import { accountName } from "../../../runtime/accounts.ts";
import { sshTrial } from "./dialer.ts";
import type { ChosenEndpoint, Endpoint } from "./endpoint.ts";
import { EngineError, EngineGone, EngineUnreachable } from "./errors.ts";
import { NotHttp } from "./http-head.ts";

/** What is known of a socket's file; null for what cannot be found out. */
export interface SocketFacts {
  readonly isSocket: boolean | null;
  /** The name of the group that owns it, or its number. */
  readonly group: string | null;
  /** Whether members of the group may use it. */
  readonly groupMay: boolean;
  /** A name to join a group by. Null: a number alone, as images have their users. */
  readonly user: string | null;
}

/** `error`: what came of asking the engine who it is. */
export function unreachable(chosen: ChosenEndpoint, error: unknown): EngineUnreachable {
  const { endpoint } = chosen;
  const facts = endpoint.kind === "unix" ? factsOf(endpoint.path) : null;
  return new EngineUnreachable(explain(chosen, error, facts), { cause: error });
}

/** `facts`: of the socket, where it is one. */
export function explain(chosen: ChosenEndpoint, error: unknown, facts: SocketFacts | null): string {
  const start = `Cannot use the container engine at ${chosen.label} (${chosen.why})`;
  return `${start}: ${reasonOf(chosen.endpoint, error, facts)}`;
}

function reasonOf(endpoint: Endpoint, error: unknown, facts: SocketFacts | null): string {
  if (error instanceof EngineError) return refusalOf(endpoint, error);
  const cause = error instanceof EngineGone ? error.cause : error;
  if (cause instanceof NotHttp) {
    return `what answers there is ${cause.message}; let DOCKER_HOST name the socket or port of the Docker API`;
  }
  const code = error instanceof EngineGone ? error.code : null;
  if (endpoint.kind === "unix") return socketReason(endpoint.path, code, error, facts);
  if (endpoint.kind === "ssh") {
    return `${inOneLine(wordsOf(cause ?? error))}; try the command "${sshTrial(endpoint.target)}" as this user`;
  }
  const said = wordsOf(cause ?? error);
  const words = code === null || said.includes(code) ? said : `${said} (${code})`;
  return `${words}; check that the engine listens there${endpoint.tls === null ? "" : ", and its certificates"}, or set DOCKER_HOST to another one`;
}

function refusalOf(endpoint: Endpoint, error: EngineError): string {
  const words = error.message.replace(/^It answered/, "it answered");
  // What a port of TLS says to somebody who speaks without.
  if (endpoint.kind === "tcp" && endpoint.tls === null && error.status === 400) {
    return `${words}; if the engine wants TLS, set DOCKER_TLS_VERIFY=1 and DOCKER_CERT_PATH`;
  }
  return `${words}; let DOCKER_HOST name the engine itself`;
}

function socketReason(path: string, code: string | null, error: unknown, facts: SocketFacts | null): string {
  if (code === "ENOENT" || code === "ENOTDIR") {
    return "there is no such socket; start the engine (systemctl start docker), mount its socket when the worker runs in a container, or set DOCKER_HOST to where it is";
  }
  if (code === "EACCES" || code === "EPERM") return permissionReason(path, facts);
  if (facts?.isSocket === false) return `${path} is not a socket; set DOCKER_HOST to the engine's`;
  if (code === "ECONNREFUSED") {
    return "nothing listens on the socket any more; start the engine (systemctl start docker)";
  }
  if (error instanceof EngineGone && error.late)
    return "what listens there takes calls and does not answer them: it may hang; look at its log and restart it (systemctl restart docker, or podman), or set DOCKER_HOST to another engine";
  const cause = error instanceof EngineGone ? error.cause : null;
  return `${wordsOf(error instanceof EngineGone && cause === null ? error : (cause ?? error))}; check that an engine listens there, or set DOCKER_HOST to another one`;
}

function permissionReason(path: string, facts: SocketFacts | null): string {
  const user = facts?.user ?? null;
  const who = user === null ? "this user" : `user ${user}`;
  const rootless = "or use rootless Docker or podman";
  if (facts?.group == null) {
    return `${who} has no permission to reach ${path}; run the worker as a user who has, ${rootless}`;
  }
  const { group } = facts;
  if (!facts.groupMay) {
    return `${who} has no permission, and neither has the socket's group ${group}; run the worker as the socket's owner, ${rootless}`;
  }
  return `${who} has no permission: the socket belongs to the group ${group}; ${joining(group, user)}, ${rootless}`;
}

function joining(group: string, user: string | null): string {
  if (user === null) return `give the worker's container that group (docker run --group-add ${group})`;
  const then = "then log in again or restart the service";
  if (group !== "root") return `add the user to it (sudo usermod -aG ${group} ${user}, ${then})`;
  // Docker's own choice on a host without a group docker, and nobody's to join.
  return `make the group docker (sudo groupadd docker), restart the engine, and add the user to it (sudo usermod -aG docker ${user}, ${then})`;
}

/** ssh speaks in lines, and ends them with a full stop. */
function inOneLine(words: string): string {
  return words.replace(/\s+/g, " ").trim().replace(/\.$/, "");
}

const GROUP_WRITE = 0o020;

function factsOf(path: string): SocketFacts {
  const user = userName();
  try {
    const stat = statSync(path);
    const groupMay = (stat.mode & GROUP_WRITE) !== 0;
    // A container's own file of groups knows nothing of the host's: there its number says more than a name.
    const group =
      user === null ? String(stat.gid) : (accountName("/etc/group", stat.gid) ?? String(stat.gid));
    return { isSocket: stat.isSocket(), group, groupMay, user };
  } catch {
    return { isSocket: null, group: null, groupMay: false, user };
  }
}

/**
 * By number first: under Bun node:os has the name from $USER, which is another one's after setpriv, and
 * where it is not set, as in a container, the name is "unknown".
 */
function userName(): string | null {
  const uid = process.getuid?.() ?? null;
  const name = uid === null ? null : accountName("/etc/passwd", uid);
  if (name !== null) return name;
  try {
    // Somebody whom a directory service knows is in no file.
    const { username } = process.getBuiltinModule("node:os").userInfo();
    return username === "unknown" ? null : username;
  } catch {
    return null;
  }
}
